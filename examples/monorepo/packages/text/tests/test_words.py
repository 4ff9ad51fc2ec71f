from text import count_words, split_words


def test_words_are_in_lower_case_and_in_order():
    assert split_words("It's late; IT is.") == ["it's", "late", "it", "is"]


def test_every_word_is_counted():
    assert count_words("a b a") == {"a": 2, "b": 1}
