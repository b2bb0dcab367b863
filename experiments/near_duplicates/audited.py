"""What the audit finds among the pictures of one dataset, and how long it takes.

python experiments/near_duplicates/audited.py <raw folders> <scratch> fitzpatrick17k
"""

from __future__ import annotations

import resource
import time

from pictures import arguments, load

from skintag.data.catalog.duplicates import near_duplicates
from skintag.data.catalog.keypoints import keypoints


def main() -> None:
    """Write `audited_<dataset>.csv`: a row per pair."""
    asked = arguments(__doc__).parse_args()
    pictures = load(asked.raw, asked.scratch, asked.dataset)
    wall, busy = time.perf_counter(), time.process_time()
    described = [keypoints(picture).tobytes() for picture in pictures]
    known = time.process_time() - busy
    pairs = near_duplicates(pictures.thumbs, described, pictures.__getitem__)
    busy, wall = time.process_time() - busy, time.perf_counter() - wall
    spent = f"{busy:.0f} s of processor time ({known:.0f} s of it for keypoints), {wall:.0f} s by the clock"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    names = pictures.rows["image_id"].to_numpy()
    pairs = pairs.assign(first=names[pairs["first"]], second=names[pairs["second"]])
    pairs.to_csv(asked.scratch / f"audited_{asked.dataset}.csv", index=False)
    print(f"{asked.dataset}: {len(pairs)} pairs among {len(pictures)} pictures; {spent}, peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
