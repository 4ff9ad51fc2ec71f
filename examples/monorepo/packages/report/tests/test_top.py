from report import top_words


def test_the_most_frequent_word_comes_first():
    assert top_words("b a b", 2) == [("b", 2), ("a", 1)]


def test_equally_frequent_words_go_by_name():
    assert top_words("b a", 1) == [("a", 1)]
