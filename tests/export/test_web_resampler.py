"""The page's resampler: the same samples in any pieces, its pass and stop bands, and soxr's samples."""

from web_scripts import run_scripts

RATES = [
    *((48_000, 8_000), (44_100, 8_000), (44_100, 16_000), (11_025, 8_000), (8_000, 16_000), (16_000, 44_100)),
    *((96_000, 16_000), (384_000, 8_000), (47_999, 8_000), (8_000, 47_999)),
]
RESAMPLER = ["wav.js", "resampler.js"]
WHOLE = "const whole = (resampler, samples) => joinSamples(resampler.push(samples), resampler.flush());"


def resampled(sounds, from_hz, to_hz):
    code = "const resampler = new Resampler(data.fromHz, data.toHz); answer(data.sounds.map((each) => whole(resampler, each)));"
    return run_scripts(RESAMPLER, WHOLE + code, {"sounds": sounds, "fromHz": from_hz, "toHz": to_hz})
