package crosscheck

// Surprise gives surprise in nats for the tests that hold it against the
// textbook's binomial tail.
func Surprise(found, trials, ppm int64) float64 {
	return float64(surprise(found, trials, ppm)) / float64(oneNat)
}
