"""The recipes are settings that training takes, and fair to both students."""

import pytest

from reasonbook.examples import RECIPES, refund_rules, refund_schema, refunds


def test_the_settings_are_those_of_training():
    from reasonbook.training import TrainConfig

    for recipe in RECIPES.values():
        assert TrainConfig(**recipe.settings).max_steps == recipe.max_steps


def test_a_scaled_recipe_differs_in_its_steps_alone():
    recipe = RECIPES["final_only"]
    assert recipe.scaled(0.5).max_steps == recipe.max_steps // 2
    assert recipe.scaled(0.5).scaled(2) == recipe
    assert recipe.scaled(1e-9).max_steps == 1


@pytest.mark.slow
def test_answers_only_reads_no_fewer_tokens(tiny_student):
    pytest.importorskip("transformers")
    df = refunds(400)
    df.reason.augment(refund_schema(), teacher=refund_rules).wait()
    read = {}
    for strategy, recipe in RECIPES.items():
        rows = df.reason.to_chat(tiny_student, strategy=strategy)
        tokens = sum(len(rows[i].input_ids) for i in range(len(rows))) / len(rows)
        read[strategy] = tokens * recipe.batch_size * recipe.max_steps
    assert 1 <= read["final_only"] / read["final_and_reasoning"] < 1.1
