"""What the two channels are called."""

from mmoment_stream.video_channel import ANNOTATED, PUBLIC, VIDEO_CHANNELS


def test_the_usual_channel_has_the_plain_names_and_the_other_one_its_own():
    public, annotated = VIDEO_CHANNELS[PUBLIC], VIDEO_CHANNELS[ANNOTATED]
    assert (public.frames, public.video, public.status, public.limit, public.request_keyframe) == (
        'public/frames',
        'video',
        'encoder_status',
        'video_limit',
        'request_keyframe',
    )
    assert annotated.frames == 'overlay/frames'
    assert annotated.video == 'overlay/video'
    assert annotated.status == 'overlay/encoder_status'
    assert annotated.limit == 'overlay/video_limit'
    assert annotated.request_keyframe == 'overlay/request_keyframe'
    assert {name: channel.name for name, channel in VIDEO_CHANNELS.items()} == {
        PUBLIC: PUBLIC,
        ANNOTATED: ANNOTATED,
    }
