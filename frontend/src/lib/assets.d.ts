// A widget imports its style sheet for its effect; esbuild writes it beside the bundle.
declare module "*.css";
