// Package boost trains and runs gradient-boosted trees for the probability of
// default: histograms, logistic loss with Newton leaves, monotone constraints
// and exact additive attributions. The one rule: the same data, parameters and
// seed give the same model, bit for bit, on any number of cores, and a loaded
// model gives the same logits as the one that was saved.
//
// # Training
//
// Fit is the usual way: a fifth of the rows, drawn by seed, finds the number
// of trees, which are then grown on all. Train takes validation rows of the
// caller's choice (the latest ones, say), CrossValidate gives every row a score
// by a model that never saw it.
//
// Numeric values become at most 255 quantile bins; missing is a bin of its own
// and goes, at each split, where it lowers the loss more. Where a split's rows
// had no missing value, missing goes with the larger part. Categories are put
// in the order of their smoothed gradient at each split and parted in two;
// those with few rows, beyond the 254 most frequent, or never seen are one:
// "other". A leaf is split where the loss falls most until MaxLeaves.
//
// Gradients and hessians are whole numbers (fixed point, at least 14 bits), so
// sums do not depend on their order. Between platforms with different floating
// point (fused multiply-add) training may differ in the last bit of a gain and
// so in a split; scoring adds up stored numbers in a fixed order and does not.
//
// # Monotone constraints
//
// A split on a held feature is refused when its two values stand in the wrong
// order; below it, no value may pass the middle of the two. New proves it again
// for every model it is given: at each split on a held feature no leaf of one
// side may pass a leaf of the other. Sums of floats keep the order, so the
// promise holds to the last bit. It says nothing of missing values.
//
// # Attributions
//
// Explainer gives each feature's Shapley value of the log odds; with the
// background's mean they add up to the row's log odds. Reasons are those that
// raised them most.
package boost
