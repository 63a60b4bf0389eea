"""The limits of a verdict, each between what was measured of nothing and of something.

Figures: `benchmarks/results/calibrate.json` (`python -m benchmarks calibrate --save`), on the demo family and on tiny
models of random weights; a test holds every limit against that file. "Public" figures are named where they are used.
Distances of pixels are mean absolute errors of 255.
"""

from __future__ import annotations

NO_EFFECT_STEP = 0.002
"""One-step change under which nothing happened. A zeroed adapter gives exactly 0, another batch size or float16 weights
less than this, the weakest trained adapter at weight 1 thirty times as much."""

FLOOR_FACTOR = 10.0
"""... or ten times the change between two identical runs, on devices that are not bit-exact."""

NO_EFFECT_MAE = 1.0
"""Mean pixel change under which nothing happened: an ignored LoRA moved a ComfyUI picture by 0.8, a real one by 35
(public measurement on ComfyUI v0.34.1)."""

WEAK_MAE = 3.0
"""Below this a change is hardly visible."""

BURNT_SPREAD = 4.0
"""Latent spread over that of the base's own picture: legitimate adapters stay under 2.5, destroyed ones pass 40."""

BURNT_ERROR = 2.0
"""Error of denoising its own picture, over the base's on the base's own: a model that works knows its own pictures.

Trained adapters up to weight 1 stay under 1.5 on every base; where the thing in the picture falls apart it passes 1.7,
and 2.4 where nothing is left but colours. The latent spread alone misses most of those.
"""

FLAT_STD = 2.0
"""Pixel spread of a picture that is one colour."""

EARLY_STRENGTH = 0.6
"""What is broken at this weight is broken; burnt only above it is too strong."""

FULL_STRENGTH = 1.0
"""The weight that adapters are trained at: what was trained is what the picture becomes there."""

BURNT_STEP = 1.25
"""One-step change at EARLY_STRENGTH from which even a check without pictures says burnt: the change is then larger than
the prediction. Trained adapters at weight 1 stay under 0.6, those times twenty pass it."""

TRIGGER_FACTOR = 1.5
"""A word wakes an adapter that changes the picture with it this many times more than without it. Random weights, and
words of another adapter, stay under it."""

CONTROL_FACTOR = 2.0
"""One-step change over that of the same weights turned in random directions (equal singular values): 1 on average for
random weights, 2.6 to 9 for trained adapters on their own base. Above it the weights know something of this base."""

OTHER_WORD_MAE = 2.0
"""Another word in the prompt must move the bare base's picture by this much, else changing it teaches nothing."""

BAD_SHAPE_SHARE = 0.5
"""More modules than this in another size: made for another base."""

NEARLY_COMPLETE = 0.95

APPEARED = 0.25
"""What was trained has appeared when the picture is this near to the one at weight 1, of the way from the bare one.

Both amount and direction count: pixels between the two pictures, root of the squares, over pixels between the bare one
and that at weight 1. Against the probes of the demo family, which know what was trained (stripes, dots, ink, night), it
falls where they reach 90 % of their value at weight 1.
"""

BEGUN = 0.5
"""The usable range begins here, half of the way."""

LATE_FACTOR = 2.0
"""Above weight 1 the picture moves this many times further than in proportion: what was trained appears only there."""
