//! JSON text as clients sent it, without a detour through numbers: `1` stays `1`, `1.0` stays `1.0`.
