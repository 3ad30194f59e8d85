"""A bridge of a real node, and a node that plays all the others."""

import asyncio

from two_nodes import TwoNodes

from mmoment_api import bridge as bridge_module


class BridgeWorld(TwoNodes):
    """The bridge's node and a node that plays all others, each in a thread of its own."""

    PART = 'overlay_node'

    def play(self):
        for name in bridge_module.LAYER_PARAMETERS:
            self.other.declare_parameter(name, True)

    def call(self, method, *arguments):
        """Await a method of the bridge, as the event loop does."""

        async def body():
            return await getattr(self.bridge, method)(*arguments)

        return asyncio.run(body())
