package policy

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

func literal[T any](expr ast.Expr) (value T, is bool) {
	if expr.Kind() == ast.LiteralKind {
		value, is = expr.AsLiteral().Value().(T)
	}
	return value, is
}

func (t translator) words(expr ast.Expr) words {
	switch expr.Kind() {
	case ast.LiteralKind:
		value, isText := literal[string](expr)
		if !isText {
			return nil
		}
		return func(*Facts) (string, bool) { return value, true }
	case ast.IdentKind:
		read := textOf(t.name(expr))
		if read == nil {
			return nil
		}
		return func(f *Facts) (string, bool) { return read(f), true }
	case ast.CallKind:
		return ternary(t, expr, t.words)
	default:
		return nil
	}
}

func (t translator) number(expr ast.Expr) number {
	switch expr.Kind() {
	case ast.LiteralKind:
		value, isInt := literal[int64](expr)
		if !isInt {
			return nil
		}
		return func(*Facts) (int64, bool) { return value, true }
	case ast.IdentKind:
		return numberOf(t.name(expr))
	case ast.CallKind:
		if compute := arithmetic(expr.AsCall().FunctionName()); compute != nil {
			return t.computed(expr.AsCall().Args(), compute)
		}
		return ternary(t, expr, t.number)
	default:
		return nil
	}
}

// ternary is when ? then : otherwise; only the chosen side is evaluated.
func ternary[F ~func(*Facts) (T, bool), T any](t translator, expr ast.Expr, translate func(ast.Expr) F) F {
	if expr.AsCall().FunctionName() != operators.Conditional {
		return nil
	}
	args := expr.AsCall().Args()
	when, then, otherwise := t.condition(args[0]), translate(args[1]), translate(args[2])
	if when == nil || then == nil || otherwise == nil {
		return nil
	}
	return func(f *Facts) (none T, known bool) {
		switch when(f) {
		case yes:
			return then(f)
		case no:
			return otherwise(f)
		default:
			return none, false
		}
	}
}

// computed applies an operation to one (negation) or two numbers.
func (t translator) computed(args []ast.Expr, compute func(a, b int64) (int64, bool)) number {
	first := number(func(*Facts) (int64, bool) { return 0, true })
	if len(args) == 2 {
		first = t.number(args[0])
	}
	last := t.number(args[len(args)-1])
	if first == nil || last == nil {
		return nil
	}
	return func(f *Facts) (int64, bool) {
		a, aKnown := first(f)
		b, bKnown := last(f)
		if !aKnown || !bKnown {
			return 0, false
		}
		return compute(a, b)
	}
}

// arithmetic gives an operator of integers; what does not fit 64 bits, and
// division by zero, is an error. Negation is 0 - b.
func arithmetic(operator string) func(a, b int64) (int64, bool) {
	switch operator {
	case operators.Add:
		return func(a, b int64) (int64, bool) { return a + b, (a+b > a) == (b > 0) }
	case operators.Subtract, operators.Negate:
		return func(a, b int64) (int64, bool) { return a - b, (a-b < a) == (b > 0) }
	case operators.Multiply:
		return func(a, b int64) (int64, bool) {
			if a == 0 || b == 0 {
				return 0, true
			}
			product := a * b
			fits := product/b == a && (b != -1 || a != math.MinInt64)
			return product, fits
		}
	case operators.Divide:
		return func(a, b int64) (int64, bool) {
			if b == 0 || a == math.MinInt64 && b == -1 {
				return 0, false
			}
			return a / b, true
		}
	case operators.Modulo:
		return func(a, b int64) (int64, bool) {
			if b == 0 || a == math.MinInt64 && b == -1 {
				return 0, false
			}
			return a % b, true
		}
	default:
		return nil
	}
}
