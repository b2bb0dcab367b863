/** What is said of one photo, in the shape that `POST /api/analyze` answers in; the device computes the same. */

export type Tier = 'LOW' | 'MODERATE' | 'HIGH';
export type Category = 'malignant' | 'inflammatory' | 'benign';
export type FindingName = 'blurred' | 'underexposed' | 'overexposed' | 'small';

/** One of the likeliest conditions; its probability is not calibrated. */
export interface Condition {
  name: string;
  probability: number;
}

/** Everything of `skintag.bundle.prediction.Prediction` but the image's name. */
export interface Prediction {
  malignancy_score: number;
  malignancy_probability: number;
  above_threshold: boolean;
  conditions: Condition[];
  category: Category;
  tier: Tier;
  tier_reason: string;
  recommendation: string;
  confidence: number | null;
  out_of_distribution: boolean | null;
  out_of_distribution_score: number | null;
  disclaimer: string;
}

/** Shares of malignant, inflammatory and benign, sum 1; inflammatory is null where no conditions are known. */
export interface Categories {
  malignant: number;
  inflammatory: number | null;
  benign: number;
}

/** What is wrong with a photo: a measure beyond its bound. */
export interface Finding {
  finding: FindingName;
  value: number;
  bound: number;
}

/** Malignant logits of the head at every position of the last feature map, row-major. */
export interface LogitMap {
  height: number;
  width: number;
  values: number[];
}

/** A part of the upright picture, in fractions of its sides. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What answered: name and exact version of the bundle. */
export interface BundleName {
  name: string;
  version: string;
  model: string;
  runtime: string;
  note: string;
}

export interface Analysis extends Prediction {
  categories: Categories;
  quality: Finding[];
  map: LogitMap | null;
  picture: { width: number; height: number };
  crop: Crop | null;
  bundle: BundleName;
}

/** A share with its interval, and how many cancers it stands on. */
export interface Share {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
  /** Whether they are too few for the interval to be relied on. */
  few: boolean;
}

/** Sensitivity at the threshold, overall and by group. */
export interface Sensitivities {
  overall: Share | null;
  skin: Record<string, Share>;
  camera: Record<string, Share>;
}
