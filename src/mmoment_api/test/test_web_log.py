import logging

from mmoment_api.web_log import LOGGERS, forward_log


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, text):
        self.lines.append(('warning', text))

    def error(self, text):
        self.lines.append(('error', text))


def test_warnings_and_errors_go_on_without_secrets():
    log = Log()
    kept = {name: logging.getLogger(name).__dict__.copy() for name in LOGGERS}
    try:
        forward_log(log)
        library = logging.getLogger('mmoment_api.somewhere')
        library.info('small talk')
        library.warning('about rtsp://me:secret@camera/1')
        library.error('worse')
    finally:
        for name, state in kept.items():
            logging.getLogger(name).__dict__.update(state)
    assert [level for level, _ in log.lines] == ['warning', 'error']
    assert 'secret' not in str(log.lines)
