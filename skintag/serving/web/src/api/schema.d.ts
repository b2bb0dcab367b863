// Made by scripts/types.mjs out of the API's document.
export interface paths {
    "/api/analyze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What the model says of a photograph
         * @description One photograph, JPEG, PNG, WebP, BMP or TIFF (HEIC where the server has pillow-heif), and a crop if wanted.
         *
         *     Nothing of it is kept: it stays in memory until it is answered, and no longer.
         */
        post: operations["analyze"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analyze/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What it says of several, as each is done
         * @description Several photographs; a line of JSON for each, in the order sent, as soon as it is done.
         */
        post: operations["analyze_batch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the process lives
         * @description 200 as long as the process answers.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether a bundle is loaded and tested, and takes pictures
         * @description 503 where it is asked to end. A bundle that does not pass its test is never taken into use.
         */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/model": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The bundle in use: card, figures, thresholds, taxonomy
         * @description What the app shows of the model, and what decides.
         */
        get: operations["model"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * For Prometheus
         * @description Counts and times; nothing of any picture.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bundle/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A file of the bundle that a phone needs
         * @description A file as the manifest names it; with `?v=<its SHA-256>` it may be kept for ever.
         */
        get: operations["bundle_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Analysis
         * @description What is said of one photograph.
         * @example {
         *       "above_threshold": false,
         *       "bundle": {
         *         "model": "head",
         *         "name": "student seed 0 grouped",
         *         "note": "",
         *         "runtime": "onnx",
         *         "version": "3f2c9a1b04de"
         *       },
         *       "categories": {
         *         "benign": 0.9047,
         *         "inflammatory": 0.0122,
         *         "malignant": 0.0831
         *       },
         *       "category": "benign",
         *       "conditions": [
         *         {
         *           "name": "melanocytic_nevus",
         *           "probability": 0.71
         *         },
         *         {
         *           "name": "seborrheic_keratosis",
         *           "probability": 0.13
         *         },
         *         {
         *           "name": "melanoma",
         *           "probability": 0.06
         *         }
         *       ],
         *       "confidence": 0.9169,
         *       "crop": {
         *         "height": 0.5,
         *         "width": 0.5,
         *         "x": 0.25,
         *         "y": 0.25
         *       },
         *       "disclaimer": "This is a screening aid, not a diagnosis ...",
         *       "malignancy_probability": 0.0831,
         *       "malignancy_score": 0.0831,
         *       "map": {
         *         "height": 2,
         *         "values": [
         *           -2.1,
         *           -1.9,
         *           -2.4,
         *           -2.2
         *         ],
         *         "width": 2
         *       },
         *       "out_of_distribution": false,
         *       "out_of_distribution_score": 21.4,
         *       "picture": {
         *         "height": 450,
         *         "width": 600
         *       },
         *       "quality": [
         *         {
         *           "bound": 160,
         *           "finding": "small",
         *           "value": 120
         *         }
         *       ],
         *       "recommendation": "Low estimated risk. Keep an eye on the spot, photograph it again in a month or two ...",
         *       "tier": "LOW",
         *       "tier_reason": "0.0831 is below 0.12"
         *     }
         */
        Analysis: {
            /**
             * Malignancy Score
             * @description what threshold and tiers are held against, 0 to 1
             */
            malignancy_score: number;
            /**
             * Malignancy Probability
             * @description calibrated on val, 0 to 1
             */
            malignancy_probability: number;
            /**
             * Above Threshold
             * @description whether the score reaches the decision threshold
             */
            above_threshold: boolean;
            /**
             * Conditions
             * @description the three likeliest, falling; or none
             */
            conditions: components["schemas"]["ConditionProbability"][];
            /**
             * Category
             * @enum {string}
             */
            category: "malignant" | "inflammatory" | "benign";
            /**
             * Tier
             * @enum {string}
             */
            tier: "LOW" | "MODERATE" | "HIGH";
            /** Tier Reason */
            tier_reason: string;
            /**
             * Recommendation
             * @description what to tell the person
             */
            recommendation: string;
            /**
             * Confidence
             * @description null where the picture is unlike those the model was made from
             */
            confidence: number | null;
            /**
             * Out Of Distribution
             * @description null where the bundle cannot tell
             */
            out_of_distribution: boolean | null;
            /**
             * Out Of Distribution Score
             * @description larger is stranger
             */
            out_of_distribution_score: number | null;
            /**
             * Disclaimer
             * @description stands with every answer
             */
            disclaimer: string;
            categories: components["schemas"]["Categories"];
            /**
             * Quality
             * @description empty where nothing is wrong
             */
            quality: components["schemas"]["Finding"][];
            picture: components["schemas"]["Size"];
            crop: components["schemas"]["CropFractions"] | null;
            /** @description null where the network gives none */
            map: components["schemas"]["Map"] | null;
            bundle: components["schemas"]["BundleName"];
        };
        /**
         * BundleName
         * @description Which bundle answered.
         */
        BundleName: {
            /** Name */
            name: string;
            /**
             * Version
             * @description first 12 hex digits of the digest of its manifest
             */
            version: string;
            /**
             * Model
             * @description head, or a probe on the embeddings
             */
            model: string;
            /**
             * Runtime
             * @description onnx, onnx_half, onnx_int8 or torch
             */
            runtime: string;
            /**
             * Note
             * @description what has to stand beside every figure, or empty
             */
            note: string;
        };
        /**
         * Categories
         * @description Three kinds of lesion; their sum is 1.
         */
        Categories: {
            /**
             * Malignant
             * @description the calibrated probability
             */
            malignant: number;
            /**
             * Inflammatory
             * @description null where the model knows no conditions
             */
            inflammatory: number | null;
            /** Benign */
            benign: number;
        };
        /**
         * ConditionProbability
         * @description One of the likeliest conditions.
         */
        ConditionProbability: {
            /**
             * Name
             * @description of the taxonomy, e.g. melanoma
             */
            name: string;
            /**
             * Probability
             * @description as the model gives it; not calibrated
             */
            probability: number;
        };
        /**
         * CropFractions
         * @description A part of the upright picture, in fractions of its sides.
         */
        CropFractions: {
            /** X */
            x: number;
            /** Y */
            y: number;
            /** Width */
            width: number;
            /** Height */
            height: number;
        };
        /**
         * Figure
         * @description Sensitivity at the decision threshold on test images.
         */
        Figure: {
            /**
             * Group
             * @example V-VI
             */
            group: string;
            /**
             * Sensitivity
             * @description null where it is not defined
             */
            sensitivity: number | null;
            /**
             * Low
             * @description of its 95% interval
             */
            low: number | null;
            /** High */
            high: number | null;
            /** N Malignant */
            n_malignant: number;
            /** N */
            n: number;
            /**
             * Few
             * @description whether it stands on too few lesions for its interval to hold
             */
            few: boolean;
        };
        /**
         * Figures
         * @description Sensitivity over all and by group; groups with no image are not among it.
         */
        Figures: {
            /**
             * Data
             * @description what the test images are; empty: real ones at full resolution
             */
            data: string;
            overall: components["schemas"]["Figure"] | null;
            /** Fitzpatrick */
            fitzpatrick: components["schemas"]["Figure"][];
            /**
             * Domain
             * @description by camera: dermoscopic, clinical, smartphone
             */
            domain: components["schemas"]["Figure"][];
        };
        /**
         * Finding
         * @description Something that is wrong with the photograph.
         */
        Finding: {
            /**
             * Finding
             * @enum {string}
             */
            finding: "blurred" | "underexposed" | "overexposed" | "small";
            /**
             * Value
             * @description what was measured
             */
            value: number;
            /**
             * Bound
             * @description what it was held against
             */
            bound: number;
        };
        /**
         * Health
         * @description The process lives.
         */
        Health: {
            /**
             * Status
             * @constant
             */
            status: "ok";
        };
        /**
         * Map
         * @description Where the model looked: the logit of malignancy at every position of its last feature map.
         */
        Map: {
            /** Height */
            height: number;
            /** Width */
            width: number;
            /**
             * Values
             * @description height x width logits, row by row
             */
            values: number[];
        };
        /**
         * Model
         * @description The bundle in use.
         */
        Model: {
            bundle: components["schemas"]["BundleName"];
            /** Threshold */
            threshold: number;
            tiers: components["schemas"]["Tiers"];
            taxonomy: components["schemas"]["TaxonomyNames"];
            /** Calibration */
            calibration: string;
            /** Image Size */
            image_size: number;
            /**
             * Maps
             * @description whether answers have a map
             */
            maps: boolean;
            /**
             * Device
             * @description whether a phone can run it: its files are under /bundle/
             */
            device: boolean;
            /** Disclaimer */
            disclaimer: string;
            /**
             * Model Card
             * @description Markdown
             */
            model_card: string;
            metrics: components["schemas"]["Figures"];
        };
        /**
         * Size
         * @description Of the whole upright picture, pixels.
         */
        Size: {
            /** Width */
            width: number;
            /** Height */
            height: number;
        };
        /**
         * TaxonomyNames
         * @description What the numbers of the model mean.
         */
        TaxonomyNames: {
            /** Name */
            name: string;
            /** Conditions */
            conditions: string[];
            /**
             * Malignant
             * @description those of the conditions that are malignant
             */
            malignant: string[];
        };
        /**
         * Tiers
         * @description Bounds of the tiers.
         */
        Tiers: {
            /**
             * Low
             * @description below it is LOW
             */
            low: number;
            /**
             * High
             * @description above it is HIGH
             */
            high: number;
            /**
             * Malignant From
             * @description a MODERATE score of at least this is called malignant
             */
            malignant_from: number;
            /**
             * Never Low
             * @description likeliest conditions that lift LOW to MODERATE
             */
            never_low: string[];
        };
        /**
         * ProblemDetails
         * @description An error, as RFC 9457 has it.
         */
        ProblemDetails: {
            /**
             * Type
             * @example urn:skintag:problem:too-large
             */
            type: string;
            /**
             * Title
             * @example Request Entity Too Large
             */
            title: string;
            /**
             * Status
             * @example 413
             */
            status: number;
            /**
             * Detail
             * @description what was expected, what was found, and what to do
             */
            detail: string;
            /**
             * Request Id
             * @description stands in X-Request-ID and in the server's log too
             */
            request_id: string | null;
        };
        /**
         * BatchLine
         * @description One line of the answer to a batch: it has an analysis or an error.
         */
        BatchLine: {
            /**
             * Index
             * @description position of the picture, from 0
             */
            index: number;
            /** @default null */
            analysis: components["schemas"]["Analysis"] | null;
            /** @default null */
            error: components["schemas"]["ProblemDetails"] | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    analyze: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": {
                    /**
                     * Format: binary
                     * @description an image file
                     */
                    image: string;
                    /**
                     * @description a part of the upright picture, as JSON with x, y, width and height in fractions of its sides
                     * @example {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}
                     */
                    crop?: string;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Analysis"];
                };
            };
            /** @description No multipart form, or a broken one */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "No multipart form, or a broken one.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The API key is missing or wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "The API key is missing or wrong.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The request came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request came too slowly.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description More bytes, pixels or pictures than are taken */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:too-large",
                     *       "title": "Request Entity Too Large",
                     *       "status": 413,
                     *       "detail": "Expected a picture of at most 20,000,000 bytes; found more. To do: send a smaller one.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description No multipart form, or a file of a kind that is not read */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "No multipart form, or a file of a kind that is not read.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description A file that is no whole picture, a crop outside it, or another field */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "A file that is no whole picture, a crop outside it, or another field.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description More pictures than one client may send; Retry-After says when to go on */
            429: {
                headers: {
                    /** @description seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:rate",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "More pictures than 120 a minute: wait 3 s and ask again.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The server failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Internal Server Error",
                     *       "status": 500,
                     *       "detail": "The server failed.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The queue or the memory is full, or the server is ending; Retry-After says when to ask again */
            503: {
                headers: {
                    /** @description seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:busy",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "64 pictures are under way, of 64 at most: ask again soon.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    analyze_batch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": {
                    images: string[];
                };
            };
        };
        responses: {
            /** @description A line of JSON for each picture, in the order sent: `{index, analysis}` or `{index, error}` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["BatchLine"];
                };
            };
            /** @description No multipart form, or a broken one */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "No multipart form, or a broken one.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The API key is missing or wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "The API key is missing or wrong.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The request came too slowly */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request came too slowly.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description More bytes, pixels or pictures than are taken */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:too-large",
                     *       "title": "Request Entity Too Large",
                     *       "status": 413,
                     *       "detail": "Expected a picture of at most 20,000,000 bytes; found more. To do: send a smaller one.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description No multipart form, or a file of a kind that is not read */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "No multipart form, or a file of a kind that is not read.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description A file that is no whole picture, a crop outside it, or another field */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "A file that is no whole picture, a crop outside it, or another field.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description More pictures than one client may send; Retry-After says when to go on */
            429: {
                headers: {
                    /** @description seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:rate",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "More pictures than 120 a minute: wait 3 s and ask again.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The server failed */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Internal Server Error",
                     *       "status": 500,
                     *       "detail": "The server failed.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description The queue or the memory is full, or the server is ending; Retry-After says when to ask again */
            503: {
                headers: {
                    /** @description seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:busy",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "64 pictures are under way, of 64 at most: ask again soon.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description The queue or the memory is full, or the server is ending; Retry-After says when to ask again */
            503: {
                headers: {
                    /** @description seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:busy",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "64 pictures are under way, of 64 at most: ask again soon.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    model: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            /** @description The API key is missing or wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "The API key is missing or wrong.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus' text format */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description The API key is missing or wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "The API key is missing or wrong.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    bundle_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file; its ETag is its SHA-256 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                    "application/json": unknown;
                };
            };
            /** @description The client has it */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The API key is missing or wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "The API key is missing or wrong.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description No such file is served, or not in this version */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "urn:skintag:problem:kind",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "No such file is served, or not in this version.",
                     *       "request_id": "5f0c3b1e9a7d4c2f8b6e0d1a2c3b4d5e"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
}
