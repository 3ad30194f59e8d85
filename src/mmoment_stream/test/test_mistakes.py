"""What the log has of a mistake of ours."""

from mmoment_stream.mistakes import log_mistake


class Log:
    def __init__(self):
        self.lines = []

    def error(self, line):
        self.lines.append(line)


def test_the_place_is_told_and_not_the_words():
    log = Log()
    try:
        raise KeyError('p1anted-5ecret')
    except KeyError as error:
        log_mistake(log, error)
    (line,) = log.lines
    assert 'KeyError' in line
    assert 'test_the_place_is_told_and_not_the_words' in line
    # The line of the program is shown, as it stands in the file; what it was about is not.
    assert "KeyError: 'p1anted-5ecret'" not in line
