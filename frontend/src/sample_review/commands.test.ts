import assert from "node:assert/strict";
import { test } from "node:test";
import { type Acts, reviewCommands } from "./commands.ts";
import { EarlyKeys } from "./early_keys.ts";

const soon = () => new Promise<void>((go) => queueMicrotask(() => queueMicrotask(go)));

function opened() {
  const world = { loaded: false, time: 0, ran: [] as string[], said: [] as string[] };
  const early = new EarlyKeys(
    () => world.loaded,
    (text) => world.said.push(text),
    () => world.time,
  );
  return { world, early, press: (name: string) => early.take(() => world.ran.push(name)) };
}

test("with the row there a key acts at once", () => {
  const { world, press } = opened();
  world.loaded = true;
  press("a");
  assert.deepEqual(world.ran, ["a"]);
});

test("keys before the row act in order when it comes", async () => {
  const { world, early, press } = opened();
  press("a");
  press("r");
  assert.deepEqual(world.ran, []);
  world.loaded = true;
  early.catchUp();
  await soon();
  assert.deepEqual(world.ran, ["a", "r"]);
});

test("a key that waited too long is dropped, and that is said", async () => {
  const { world, early, press } = opened();
  press("a");
  world.time = 2000;
  world.loaded = true;
  early.catchUp();
  await soon();
  assert.deepEqual(world.ran, []);
  assert.equal(world.said.length, 1);
});

test("keys do not pile up while nothing comes", () => {
  const { world, press } = opened();
  for (let i = 0; i < 9; i++) press("a");
  assert.deepEqual(world.said, ["This row is still loading."]);
});

test("what is typed while a field is about to open is no command", () => {
  const { world, early } = opened();
  const to = new Proxy(
    {},
    {
      get: (_, name) =>
        name === "whenLoaded"
          ? (run: () => void, opens?: boolean) => early.take(run, opens)
          : name === "opening"
            ? () => early.opening
            : () => world.ran.push(String(name)),
    },
  ) as Acts;
  const commands = new Map(reviewCommands(to).flatMap((command) => command.keys.map((key) => [key, command])));
  for (const key of "fau") commands.get(key)?.run();
  world.loaded = true;
  early.catchUp();
  return soon().then(() => assert.deepEqual(world.ran, ["repair"]));
});
