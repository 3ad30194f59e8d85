"""Between ROS and the web side: what is heard goes one way, what is asked for the other.

What is heard is in `graph_topics.py`. Requests wait in the event loop for futures that the
executor settles; the executor never waits for the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.node import Node

from mmoment_api import conversions
from mmoment_api.chain_messages import ChainCalls
from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.events import EventHub
from mmoment_api.face_requests import (
    EnrolmentOutcome,
    EnrolmentWish,
    FoundFaces,
    enrolment_not_undone,
    enrolment_running,
)
from mmoment_api.given_pictures import GivenPicture
from mmoment_api.goal_run import GoalRun
from mmoment_api.graph_state import SILENT_AFTER_S, GraphState
from mmoment_api.graph_topics import GraphTopics
from mmoment_api.layer_keeper import LayerKeeper
from mmoment_api.media_messages import MediaCalls
from mmoment_api.mjpeg_encoder import Picture
from mmoment_api.session_messages import SessionCalls
from mmoment_api.stream_messages import StreamCalls
from mmoment_api.video_gate import CHANNEL_RINGS
from mmoment_camera.frame_ring import FrameRingReader, NoRing, ring_name
from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.srv import ForgetFace, RecognizeFace, SetSource

# Longer than most of our services take; whoever waits longer is told that the part is stuck.
ANSWER_WAIT_S = 3.0
# A large picture with many faces takes seconds where there is no accelerator.
RECOGNITION_WAIT_S = 20.0
# The longest search for good views that `face_node` can be configured to.
ENROLMENT_AT_MOST_S = 300.0
# Beyond the time for the search: models that are only loaded now, and a busy machine.
ENROLMENT_SLACK_S = 60.0
# How soon it is noticed that the part ended in the middle of an enrolment.
ENROLMENT_WATCH_S = 1.0
# The next enrolment is only let in when the part is done with one that was given up.
CANCEL_WAIT_S = 2.0
EXECUTOR_WAIT_S = 2.0
# On a busy machine the services of a node that is heard already take seconds to be discovered.
DISCOVERY_WAIT_S = 8.0
DISCOVERY_PERIOD_S = 0.05
OVERLAY = 'overlay_node'
CAMERA = 'camera_node'
FACES = 'face_node'
LAYER_PARAMETERS = ('show_faces', 'show_hands', 'show_gestures', 'blur_strangers')
# Both come from the overlay: without its drawing, strangers are blurred all the same if that is on.
CHANNEL_TOPICS = {True: 'overlay/frames', False: 'public/frames'}


class Bridge:
    """The ROS side of the web node; `open` it before use."""

    def __init__(self, node: Node, state: GraphState, events: EventHub) -> None:
        self._node = node
        self._state = state
        self._topics = GraphTopics(node, state, events)
        self.chain_calls = ChainCalls(node, self._call)
        self.session_calls = SessionCalls(node, self._call)
        self.media_calls = MediaCalls(node, self._call, self._send_goal, self._given_up)
        self.stream_calls = StreamCalls(node, self._call)
        self._clients: list[Client] = []
        self._enroll: ActionClient | None = None
        self._is_paused = True
        self.layer_keeper = LayerKeeper(self.layers, self._write_layers)

    def open(self) -> None:
        """Subscribe to the graph and prepare its services."""
        node = self._node
        self._topics.open()
        self._set_source = node.create_client(SetSource, 'set_source')
        self._get_layers = node.create_client(GetParameters, f'{OVERLAY}/get_parameters')
        self._set_layers = node.create_client(SetParameters, f'{OVERLAY}/set_parameters')
        self._recognize = node.create_client(RecognizeFace, 'recognize_face')
        self._forget = node.create_client(ForgetFace, 'forget_face')
        self._clients = [
            self._set_source,
            self._get_layers,
            self._set_layers,
            self._recognize,
            self._forget,
        ]
        self._enroll = ActionClient(node, EnrollFace, 'enroll_face')
        self.chain_calls.open()
        self.session_calls.open()
        self.media_calls.open()
        self.stream_calls.open()

    def resume(self) -> None:
        """From now on entities are made and destroyed by the executor."""
        self._is_paused = False

    def pause(self) -> None:
        """From now on nothing is handed to the executor, which may wait for us or be gone."""
        self._is_paused = True

    def close(self) -> None:
        """Unsubscribe from everything."""
        self.pause()
        self._topics.close()
        for client in self._clients:
            self._node.destroy_client(client)
        self._clients = []
        self.chain_calls.close()
        self.session_calls.close()
        self.media_calls.close()
        self.stream_calls.close()
        if self._enroll is not None:
            self._enroll.destroy()
            self._enroll = None

    # --- pictures -------------------------------------------------------------------------

    def open_source(self, annotated: bool) -> RingSource:
        """The pictures of one ring; the node that writes it sees that somebody looks."""
        ring = ring_name(self._node.get_namespace(), CHANNEL_RINGS[annotated])
        return RingSource(self, CHANNEL_TOPICS[annotated], ring)

    def subscribe_frames(self, topic: str) -> FrameSubscriber:
        """A subscriber without callback, made in the executor's thread."""
        return self.in_executor(lambda: FrameSubscriber(self._node, topic))

    def in_executor(self, work: Callable[[], Any]) -> Any:
        """Run `work` in the executor's thread, or here if that does not spin any more.

        rclpy's lists of entities are changed where they are used.
        """
        executor = self._node.executor
        if executor is None or self._is_paused:
            return work()
        result: Future[Any] = Future()

        def once() -> None:
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(work())
                except Exception as error:
                    result.set_exception(error)

        executor.create_task(once)
        try:
            return result.result(EXECUTOR_WAIT_S)
        except FutureTimeout:
            if result.cancel():
                return work()
            return result.result()

    # --- what is asked for (event loop) ---------------------------------------------------

    async def layers(self) -> dict[str, bool]:
        """See `GraphControl`."""
        request = GetParameters.Request(names=list(LAYER_PARAMETERS))
        answer = await self._call(self._get_layers, request, OVERLAY)
        values = [value.bool_value for value in answer.values]
        return dict(zip(LAYER_PARAMETERS, values, strict=False))

    async def set_layers(self, switches: dict[str, bool]) -> None:
        """See `GraphControl`."""
        await self.layer_keeper.set(switches)

    async def keep_layers(self) -> None:
        """See `GraphControl`."""
        await self.layer_keeper.keep()

    async def _write_layers(self, switches: dict[str, bool]) -> None:
        request = SetParameters.Request(
            parameters=[
                Parameter(
                    name=name,
                    value=ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value),
                )
                for name, value in switches.items()
            ]
        )
        answer = await self._call(self._set_layers, request, OVERLAY)
        refused = [result.reason for result in answer.results if not result.successful]
        if refused:
            raise ApiError(409, 'refused', f'{OVERLAY} refused the change: {refused[0]}')

    async def set_source(self, source: str) -> tuple[bool, str]:
        """See `GraphControl`."""
        request = SetSource.Request(source=source)
        answer = await self._call(self._set_source, request, CAMERA)
        return answer.success, answer.message

    async def enroll(self, wish: EnrolmentWish) -> EnrolmentOutcome:
        """See `GraphControl`."""
        client = self._enroll
        if client is None:
            raise part_not_running(FACES)
        run = await self._send_goal(client, conversions.enrolment_goal(wish), FACES)
        try:
            result = await self._result_of(run, client, wish.timeout_s)
        except asyncio.CancelledError:
            # To the end, also if it is cancelled again meanwhile.
            await asyncio.shield(asyncio.ensure_future(self._take_back(run, wish.identity)))
            raise
        except ApiError:
            result = await self._given_up(run)
            if result is None or not result.success:
                raise
        if result is None:
            raise enrolment_running()
        return conversions.enrolment_outcome(result)

    async def recognize(self, picture: GivenPicture | None) -> FoundFaces:
        """See `GraphControl`."""
        request = conversions.recognition_request(picture)
        answer = await self._call(self._recognize, request, FACES, RECOGNITION_WAIT_S)
        return conversions.found_faces(answer)

    async def forget(self, identity: str) -> int:
        """See `GraphControl`."""
        answer = await self._call(self._forget, ForgetFace.Request(identity=identity), FACES)
        if not answer.success:
            raise ApiError(409, 'refused', answer.message or f'{FACES} refused to forget')
        return int(answer.templates)

    async def _result_of(self, run: GoalRun, client: ActionClient, timeout_s: float) -> Any:
        """The result of a goal, None if it was not accepted; notices a part that is gone."""
        loop = asyncio.get_running_loop()
        began_s, process = loop.time(), self._state.run_of(FACES)
        at_most_s = (timeout_s or ENROLMENT_AT_MOST_S) + ENROLMENT_SLACK_S
        while not run.answer.done():
            waited_s = loop.time() - began_s
            process_now = self._state.run_of(FACES)
            process = process or process_now
            # One that was killed looks ready for many seconds more.
            if process_now != process:
                raise part_not_running(FACES, 'it was started again during the enrolment')
            if waited_s > SILENT_AFTER_S and not self._state.is_heard(FACES):
                raise part_not_running(FACES, 'it fell silent during the enrolment')
            if not client.server_is_ready():
                raise part_not_running(FACES, 'it ended during the enrolment')
            if not run.is_accepted and waited_s > ANSWER_WAIT_S:
                raise part_not_running(FACES, f'no answer within {ANSWER_WAIT_S:.0f} s')
            if waited_s > at_most_s:
                raise part_not_running(FACES, f'no result within {at_most_s:.0f} s')
            await asyncio.wait([run.answer], timeout=ENROLMENT_WATCH_S)
        return run.answer.result()

    async def _send_goal(self, client: ActionClient, goal: Any, part: str) -> GoalRun:
        """Ask a part that lives for a goal; raises `ApiError` if it is not there."""
        await self._until_discovered(client.server_is_ready, part)
        run = GoalRun(client, goal)
        self.in_executor_later(run.send)
        return run

    async def _given_up(self, run: GoalRun) -> Any:
        """Cancel a goal; its result, which may be a success all the same; None: nothing came."""
        self.in_executor_later(run.abandon)
        if not self._is_paused:
            await asyncio.wait([run.answer], timeout=CANCEL_WAIT_S)
        return run.answer.result() if run.answer.done() else None

    async def _take_back(self, run: GoalRun, identity: str) -> None:
        """Cancel a goal and forget what it has learned if that came too late."""
        result = await self._given_up(run)
        if result is not None and result.success:
            try:
                await self.forget(identity)
            except ApiError as error:
                raise enrolment_not_undone() from error

    async def _until_discovered(self, is_ready: Callable[[], bool], part: str) -> None:
        """Wait for a service of a part that lives; raises `ApiError` if there is none."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + DISCOVERY_WAIT_S
        while not is_ready():
            if not self._state.is_heard(part) or loop.time() > ends_s:
                raise part_not_running(part)
            await asyncio.sleep(DISCOVERY_PERIOD_S)

    def in_executor_later(self, work: Callable[[], None]) -> None:
        """Run `work` in the executor's thread soon, or here if that does not spin any more."""
        executor = self._node.executor
        if executor is None or self._is_paused:
            work()
        else:
            executor.create_task(work)

    async def _call(
        self, client: Client, request: Any, part: str, wait_s: float | None = None
    ) -> Any:
        """Call a service; raises `ApiError` if its node is not there or does not answer."""
        await self._until_discovered(client.service_is_ready, part)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(pending: Any) -> None:
            if not answer.done():
                answer.set_result(pending)

        def on_answer(pending: Any) -> None:
            # The loop is gone if the node stops just now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, pending)

        wait_s = ANSWER_WAIT_S if wait_s is None else wait_s
        pending = client.call_async(request)
        pending.add_done_callback(on_answer)
        try:
            return (await asyncio.wait_for(answer, wait_s)).result()
        except asyncio.TimeoutError:
            raise part_not_running(part, f'no answer within {wait_s:.0f} s') from None
        finally:
            if not pending.done():
                client.remove_pending_request(pending)


class RingSource:
    """The pictures of one ring, for the thread of one channel."""

    def __init__(self, bridge: Bridge, topic: str, ring: str) -> None:
        self._bridge = bridge
        self._subscriber = bridge.subscribe_frames(topic)
        self._ring_name = ring
        self._ring: FrameRingReader | None = None

    def newest(self, timeout_s: float) -> Picture | None:
        """See `PictureSource`; none while it is not sure that strangers are hidden as wished."""
        picture = self._subscriber.newest(timeout_s)
        keeper = self._bridge.layer_keeper
        if picture is None or not keeper.hides_strangers:
            return picture
        writer = self._writer()
        return picture if writer is not None and keeper.trusts(writer) else None

    def _writer(self) -> int | None:
        """Who writes the ring now; asked after a picture was taken, so never who wrote before."""
        if self._ring is None or not self._ring.is_current():
            try:
                self._ring = FrameRingReader(self._ring_name)
            except NoRing:
                self._ring = None
        return self._ring.epoch if self._ring is not None else None

    def close(self) -> None:
        """See `PictureSource`."""
        self._bridge.in_executor(self._subscriber.close)
