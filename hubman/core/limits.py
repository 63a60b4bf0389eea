"""The limits of a verdict, each between what was measured of nothing and of something.

Figures: `benchmarks/results/calibrate.json` (`python -m benchmarks calibrate --save`), on the demo family and on tiny
models of random weights; a test holds every limit against that file. "Public" figures are named where they are used.
Distances of pixels are mean absolute errors of 255.
"""

from __future__ import annotations

NO_EFFECT_STEP = 0.002
"""One-step change under which nothing happened. A zeroed adapter gives exactly 0, another size of the batch 7e-7,
weights rounded to float16 0.0007; the weakest trained adapter at weight 1 is at thirty times this."""

FLOOR_FACTOR = 10.0
"""... or ten times the change between two identical runs, on devices that are not bit-exact."""

NO_EFFECT_MAE = 1.0
"""Mean pixel change under which nothing happened: an ignored LoRA moved a ComfyUI picture by 0.8, a real one by 35
(public measurement on ComfyUI v0.34.1); rounding moves the demo's by 0.006."""

WEAK_MAE = 3.0
"""Below this a change is hardly visible; the weakest trained adapter at weight 1 has 8.9."""

BURNT_SPREAD = 4.0
"""Latent spread over that of the base's own picture: trained adapters up to weight 1 stay under 1.4 (2.5 on an older
family), at twelve times the weight they pass 7."""

BURNT_ERROR = 2.0
"""Error of denoising its own picture, over the base's on the base's own: a model that works knows its own pictures.

Trained adapters up to weight 1 stay under 1.6 on every base; where the thing in the picture falls apart it passes 1.7,
and 2.4 where nothing is left but colours; 3.8 at twelve times the weight. The spread alone misses most of those.
"""

FLAT_STD = 2.0
"""Pixel spread of a picture that is one colour."""

EARLY_STRENGTH = 0.6
"""What is broken at this weight is broken; burnt only above it is too strong."""

FULL_STRENGTH = 1.0
"""The weight that adapters are trained at: what was trained is what the picture becomes there."""

BURNT_STEP = 1.0
"""One-step change at EARLY_STRENGTH from which a check without pictures says burnt: more than the prediction itself.
Trained adapters up to weight 1 stay under 0.46 and random ones on random models under 0.91, but of those at twelve
times the weight only five in eight pass it: one step is a coarse check, a picture a fine one."""

TRIGGER_FACTOR = 2.25
"""A word wakes an adapter that changes the picture with it this many times more than without it. Random weights reach
1.8, words that a probe sees waking nothing 2.0; words that it sees waking the adapter begin at 3.1 (2.4 at 2)."""

CONTROL_FACTOR = 2.0
"""One-step change over that of the same weights turned in random directions (equal singular values): 1 on average and
1.4 at most for random weights, 2.6 to 8 for trained adapters on their own base. Above it the weights know this base."""

OTHER_WORD_MAE = 2.0
"""Another word in the prompt must move the bare base's picture by this much, else changing it teaches nothing."""

BAD_SHAPE_SHARE = 0.5
"""More modules than this in another size: made for another base."""

NEARLY_COMPLETE = 0.95

APPEARED = 0.2
"""What was trained has appeared when the picture is this near to the one at weight 1, of the way from the bare one.

Both amount and direction count: pixels between the two pictures, root of the squares, over pixels between the bare one
and that at weight 1. Fitted to the five curves of the demo family whose probes know what was trained (stripes, dots,
ink, night) and see it: with 0.2 they have made 90 % of their way within 0.05 of weight on average.
"""

BEGUN = 0.5
"""The usable range begins here, half of the way."""

LATE_FACTOR = 2.0
"""Above weight 1 the picture moves this many times further than in proportion: what was trained appears only there."""
