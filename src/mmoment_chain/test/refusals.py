"""How something was refused."""

import pytest

from mmoment_chain.errors import Refused


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as caught:
        function(*arguments, **named)
    return caught.value


def code(function, *arguments, **named):
    return refusal(function, *arguments, **named).code
