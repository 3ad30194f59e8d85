"""facenet-pytorch's own FaceNet with made-up weights, which ours is held against."""

import numpy as np

from bench.facenet import import_facenet


def random_facenet():
    """Seeded weights, and statistics of batches of pictures: so every layer tells pictures apart.

    With arbitrary statistics the embeddings of all pictures would be nearly the same, and a
    comparison of embeddings would prove nothing.
    """
    import torch

    generator = torch.Generator().manual_seed(7)
    model = import_facenet().InceptionResnetV1(pretrained=None)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.7, 1.3, generator=generator)
            torch.nn.init.normal_(module.bias, 0, 0.3, generator=generator)
        elif isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(module.weight, generator=generator)
    with torch.inference_mode():
        model.train()(normalised(pictures(8, seed=1)))
    return model.eval()


def pictures(count, seed, side=160):
    """Coloured blots with grain: (count, side, side, 3), BGR."""
    import cv2

    random = np.random.default_rng(seed)
    blots = random.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    large = [cv2.resize(blot, (side, side), interpolation=cv2.INTER_CUBIC) for blot in blots]
    grain = random.normal(0, 10, (count, side, side, 3))
    return np.clip(np.stack(large) + grain, 0, 255).astype(np.uint8)


def normalised(pixels):
    """What facenet-pytorch's network takes: RGB, channels first, -1 to 1."""
    import torch

    rgb = np.ascontiguousarray(pixels[..., ::-1].transpose(0, 3, 1, 2), np.float32)
    return (torch.from_numpy(rgb) - 127.5) / 128.0


def embeddings(model, pixels):
    """By facenet-pytorch on torch."""
    import torch

    with torch.inference_mode():
        return model(normalised(pixels)).numpy()
