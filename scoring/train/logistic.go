package train

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"loan310/scoring/model"
)

// design is the input of a regression: per feature the bin of each row and the
// evidence of each bin. The regressor is evidence of bad, the negative weight
// of evidence.
type design struct {
	codes  [][]uint8
	bad    [][]float64 // by feature and bin
	target []bool
	weight []float64 // nil = 1
}

// fitted is a regression's result: the intercept, then a coefficient a feature,
// with their standard errors.
type fitted struct {
	coefficients []float64
	errors       []float64
}

const (
	chunkRows = 8192 // fixed, so that sums do not depend on the number of cores
	maxNewton = 50
)

// sums are what one Newton step needs of some rows.
type sums struct {
	loss     float64
	gradient []float64
	hessian  []float64 // upper triangle, row by row of the full square
}

// newton fits a logistic regression with an L2 penalty on all coefficients but
// the intercept: iteratively reweighted least squares with step-halving. The
// penalty keeps coefficients finite where the data are separated. It begins at
// start (nil: the bad rate alone) and ends when no coefficient moves by
// tolerance.
func (d *design) newton(l2 float64, start []float64, tolerance float64) (*fitted, error) {
	size := len(d.codes) + 1
	beta := make([]float64, size)
	if start == nil {
		beta[0] = d.start()
	}
	copy(beta, start)
	at := d.sums(beta, l2)
	for range maxNewton {
		step, chol, err := solve(at, size)
		if err != nil {
			return nil, err
		}
		share, moved := 1.0, 0.0
		next := make([]float64, size)
		var after sums
		for share > 1e-10 {
			moved = 0
			for i := range beta {
				next[i] = beta[i] - share*step[i]
				moved = max(moved, math.Abs(share*step[i]))
			}
			if after = d.sums(next, l2); after.loss <= at.loss {
				break
			}
			share /= 2
		}
		if share <= 1e-10 || moved < tolerance {
			return &fitted{coefficients: beta, errors: deviations(chol, size)}, nil
		}
		copy(beta, next)
		at = after
	}
	return nil, errors.New("the regression did not converge in 50 steps: raise l2")
}

// start is the log-odds of the bad rate.
func (d *design) start() float64 {
	var all tally
	for i, bad := range d.target {
		all.count(bad, d.weightOf(i))
	}
	return math.Log(all.bad / all.good)
}

func (d *design) weightOf(i int) float64 {
	if d.weight == nil {
		return 1
	}
	return d.weight[i]
}

// sums adds up loss, gradient and Hessian over fixed chunks of rows, in the
// order of chunks whatever core did them.
func (d *design) sums(beta []float64, l2 float64) sums {
	size := len(beta)
	chunks := (len(d.target) + chunkRows - 1) / chunkRows
	parts := make([]sums, chunks)
	parallel(chunks, func(c int) {
		parts[c] = d.chunk(beta, c*chunkRows, min((c+1)*chunkRows, len(d.target)))
	})
	total := sums{gradient: make([]float64, size), hessian: make([]float64, size*size)}
	for _, part := range parts {
		total.loss += part.loss
		for i, v := range part.gradient {
			total.gradient[i] += v
		}
		for i, v := range part.hessian {
			total.hessian[i] += v
		}
	}
	for i := 1; i < size; i++ {
		total.loss += l2 / 2 * beta[i] * beta[i]
		total.gradient[i] += l2 * beta[i]
		total.hessian[i*size+i] += l2
	}
	return total
}

func (d *design) chunk(beta []float64, from, to int) sums {
	size := len(beta)
	s := sums{gradient: make([]float64, size), hessian: make([]float64, size*size)}
	x := make([]float64, size)
	x[0] = 1
	for i := from; i < to; i++ {
		z := beta[0]
		for j, codes := range d.codes {
			x[j+1] = d.bad[j][codes[i]]
			z += beta[j+1] * x[j+1]
		}
		w, p, y := d.weightOf(i), model.Probability(z), 0.0
		if d.target[i] {
			y = 1
			s.loss += w * softplus(-z)
		} else {
			s.loss += w * softplus(z)
		}
		slope, curve := w*(p-y), w*p*(1-p)
		for a, xa := range x {
			s.gradient[a] += slope * xa
			part := s.hessian[a*size : (a+1)*size]
			scaled := curve * xa
			for b := a; b < size; b++ {
				part[b] += scaled * x[b]
			}
		}
	}
	return s
}

// softplus is ln(1 + e^z) without overflow.
func softplus(z float64) float64 {
	if z > 0 {
		return z + math.Log1p(math.Exp(-z))
	}
	return math.Log1p(math.Exp(z))
}

func solve(at sums, size int) ([]float64, *mat.Cholesky, error) {
	hessian := mat.NewSymDense(size, nil)
	for a := range size {
		for b := a; b < size; b++ {
			hessian.SetSym(a, b, at.hessian[a*size+b])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(hessian) {
		return nil, nil, errors.New("the regression cannot be solved: features repeat one another")
	}
	step := mat.NewVecDense(size, nil)
	if err := chol.SolveVecTo(step, mat.NewVecDense(size, at.gradient)); err != nil {
		return nil, nil, errors.New("the regression is badly conditioned: raise l2 or lower selection.max_vif")
	}
	return step.RawVector().Data, &chol, nil
}

func deviations(chol *mat.Cholesky, size int) []float64 {
	out := make([]float64, size)
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		return out
	}
	for i := range out {
		out[i] = math.Sqrt(max(inverse.At(i, i), 0))
	}
	return out
}
