"""Near-duplicates through Beam: passes by bucket and contraction in memory both give what brute force does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curate.dedup.minhash import estimated_jaccard
from curate.manifest import Dedup
from pipelines import dedup_near
from pipelines.engine import Engine
from pipelines.shards import read_shard, shard_file

pytestmark = pytest.mark.slow


def near(output: Path, shards: list[int]) -> dict[tuple[int, int], tuple[int, int]]:
    """(shard, row) of what was displaced -> (shard, row) of what displaced it."""
    found = {}
    for shard in shards:
        for row in read_shard(str(output), shard_file(dedup_near.FOLDER, shard)).to_pylist():
            found[shard, row["row"]] = (row["by_shard"], row["by_row"])
    return found


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> tuple[Path, list[int]]:
    output = tmp_path / "copy"
    shutil.copytree(built, output)
    shards = list(range(len(list((output / "documents").glob("shard-*.parquet")))))
    return output, shards


@pytest.mark.parametrize("few", [0, 1 << 20], ids=["passes by bucket", "in memory"])
def test_the_displaced_are_those_of_brute_force(copy, monkeypatch, few):
    output, shards = copy
    shutil.rmtree(output / "duplicates/near")
    monkeypatch.setattr(dedup_near, "FEW_EDGES", few)
    config = Dedup()
    account = dedup_near.run_dedup_near(Engine(), shards, config, str(output))
    found = near(output, shards)
    assert len(found) == account["dropped"]["near"] > 5
    assert found == brute_force(output, shards, config)


def brute_force(output: Path, shards: list[int], config: Dedup) -> dict[tuple[int, int], tuple[int, int]]:
    """Every pair that shares a band compared, components by depth-first search, the longest text kept."""
    documents = {}
    for shard in shards:
        stored = dedup_near.Signatures(str(output), shard)
        for row, values, characters in zip(stored.rows.tolist(), stored.values, stored.characters, strict=True):
            if not (values == 0xFFFFFFFF).all():
                documents[shard, row] = (values, int(characters))
    linked: dict = {address: set() for address in documents}
    rows = config.near.rows
    addresses = sorted(documents)
    for index, a in enumerate(addresses):
        for b in addresses[index + 1 :]:
            left, right = documents[a][0], documents[b][0]
            same_band = any((left[i : i + rows] == right[i : i + rows]).all() for i in range(0, len(left), rows))
            if same_band and estimated_jaccard(left[None], right[None])[0] >= config.near.min_jaccard:
                linked[a].add(b)
                linked[b].add(a)
    displaced, seen = {}, set()
    for start in addresses:
        if start in seen:
            continue
        component, todo = {start}, [start]
        while todo:
            for other in linked[todo.pop()] - component:
                component.add(other)
                todo.append(other)
        seen |= component
        keeper = min(component, key=lambda address: (-documents[address][1], address))
        displaced |= dict.fromkeys(component - {keeper}, keeper)
    return displaced


def test_a_stricter_similarity_displaces_a_part_of_what_a_looser_one_does(copy):
    output, shards = copy
    found = {}
    for least in (0.5, 0.95):
        shutil.rmtree(output / "duplicates/near")
        config = Dedup.model_validate({"near": {"min_jaccard": least}})
        dedup_near.run_dedup_near(Engine(), shards, config, str(output))
        found[least] = set(near(output, shards))
    assert found[0.95] < found[0.5]


def test_with_near_deduplication_off_nothing_is_displaced(copy):
    output, shards = copy
    shutil.rmtree(output / "duplicates/near")
    account = dedup_near.run_dedup_near(
        Engine(), shards, Dedup.model_validate({"near": {"enabled": False}}), str(output)
    )
    assert account["dropped"] == {}
    assert account["in"] == account["out"]
