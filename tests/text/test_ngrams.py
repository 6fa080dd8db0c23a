from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from curate.text.ngrams import WordNgrams

WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "d"]), max_size=60)


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@given(WORDS, st.integers(1, 10))
def test_repeated_ngrams_are_those_that_a_counter_counts_twice(words: list[str], n: int) -> None:
    every = grams(words, n)
    counts = Counter(every)
    repeats = WordNgrams(words).repeated(n)
    positions = [i for i, gram in enumerate(every) if counts[gram] > 1]
    assert repeats.positions.tolist() == positions
    assert [int(repeats.counts[group]) for group in repeats.groups] == [counts[every[i]] for i in positions]
    assert len({(every[i], int(group)) for i, group in zip(positions, repeats.groups, strict=True)}) == len(
        repeats.counts
    )


@given(WORDS, st.integers(1, 6))
def test_the_top_ngram_is_the_first_of_the_most_frequent(words: list[str], n: int) -> None:
    every = grams(words, n)
    found = WordNgrams(words).repeated(n).top()
    most = Counter(every).most_common(1)
    if not most or most[0][1] < 2:
        assert found is None
    else:
        assert found == (every.index(most[0][0]), most[0][1])


@given(WORDS, st.integers(1, 6))
def test_later_occurrences_are_all_but_the_first(words: list[str], n: int) -> None:
    every = grams(words, n)
    assert WordNgrams(words).repeated(n).later().tolist() == [i for i, gram in enumerate(every) if gram in every[:i]]


@given(WORDS, st.integers(1, 6))
def test_a_covered_character_is_counted_once(words: list[str], n: int) -> None:
    ngrams = WordNgrams(words)
    positions = ngrams.repeated(n).positions
    covered = {i for position in positions.tolist() for i in range(position, position + n)}
    assert ngrams.covered(n, positions) == sum(len(words[i]) for i in covered)
    assert ngrams.characters(n, positions).tolist() == [sum(map(len, words[i : i + n])) for i in positions.tolist()]


def test_words_that_join_to_the_same_letters_are_different_ngrams() -> None:
    assert len(WordNgrams(["ab", "c", "x", "a", "bc"]).repeated(2).positions) == 0
