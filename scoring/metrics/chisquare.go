package metrics

import "math"

// ChiSquareSurvival is the chance that a chi-square variable with the degrees
// of freedom given exceeds x: the upper regularised incomplete gamma function
// Q(freedom/2, x/2), by series or Lentz's continued fraction (Numerical Recipes,
// section 6.2).
func ChiSquareSurvival(x float64, freedom int) float64 {
	if !(x > 0) {
		return 1
	}
	a, half := float64(freedom)/2, x/2
	logGamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(half) - half - logGamma)
	if half < a+1 {
		term := 1 / a
		sum := term
		for n := 1; n < 10_000; n++ {
			term *= half / (a + float64(n))
			sum += term
			if term < sum*1e-16 {
				break
			}
		}
		return max(1-front*sum, 0)
	}
	const tiny = 1e-300
	b := half + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for n := 1; n < 10_000; n++ {
		an := -float64(n) * (float64(n) - a)
		b += 2
		if d = an*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return front * h
}

// ChiSquareQuantile is the value that a chi-square variable stays below with
// the probability given, by bisection.
func ChiSquareQuantile(probability float64, freedom int) float64 {
	low, high := 0.0, 1.0
	for ChiSquareSurvival(high, freedom) > 1-probability && high < 1e9 {
		high *= 2
	}
	for range 200 {
		middle := (low + high) / 2
		if ChiSquareSurvival(middle, freedom) > 1-probability {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
