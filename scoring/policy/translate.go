package policy

import (
	"cmp"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// A checked rule is translated into Go functions that answer as CEL's own
// interpreter does, without its maps and boxed values. What is not known here
// (loops, calls, strings put in order) is not translated: CEL runs it.

// truth is what a condition comes to: false, true, or no answer.
type truth int8

const (
	no truth = iota
	yes
	failed
)

type (
	condition func(*Facts) truth
	number    func(*Facts) (int64, bool)  // false: an error
	words     func(*Facts) (string, bool) // false: an error
)

// translator turns expressions of one tree into functions; nil stands for an
// expression outside of what it knows.
type translator struct{ tree *ast.AST }

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

func (t translator) condition(expr ast.Expr) condition {
	switch expr.Kind() {
	case ast.LiteralKind:
		value, isBool := expr.AsLiteral().Value().(bool)
		if !isBool {
			return nil
		}
		return func(*Facts) truth { return truthOf(value) }
	case ast.IdentKind:
		flag := flagOf(t.name(expr))
		if flag == nil {
			return nil
		}
		return func(f *Facts) truth { return truthOf(flag(f)) }
	case ast.CallKind:
		if expr.AsCall().IsMemberFunction() {
			return nil
		}
		return t.operator(expr)
	default:
		return nil
	}
}

// name gives the variable an identifier stands for, "" for a constant.
func (t translator) name(expr ast.Expr) string {
	reference, known := t.tree.ReferenceMap()[expr.ID()]
	if !known || reference.Value != nil {
		return ""
	}
	return reference.Name
}

func (t translator) operator(expr ast.Expr) condition {
	name, args := expr.AsCall().FunctionName(), expr.AsCall().Args()
	switch name {
	case operators.LogicalAnd:
		return t.chain(name, args, no)
	case operators.LogicalOr:
		return t.chain(name, args, yes)
	case operators.LogicalNot:
		return negated(t.condition(args[0]))
	case operators.Conditional:
		return chosen(t.condition(args[0]), t.condition(args[1]), t.condition(args[2]))
	case operators.Equals:
		return t.equal(args[0], args[1])
	case operators.NotEquals:
		return negated(t.equal(args[0], args[1]))
	case operators.Less:
		return t.compared(args, below)
	case operators.LessEquals:
		return t.compared(args, below|level)
	case operators.Greater:
		return t.compared(args, beyond)
	case operators.GreaterEquals:
		return t.compared(args, beyond|level)
	case operators.In:
		return t.member(args[0], args[1])
	default:
		return nil
	}
}

// chain is && (decided by a no) or || (decided by a yes): the deciding answer
// wins over an error, whichever comes first.
func (t translator) chain(name string, args []ast.Expr, decides truth) condition {
	var parts []condition
	var collect func([]ast.Expr) bool
	collect = func(args []ast.Expr) bool {
		for _, arg := range args {
			if arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == name {
				if !collect(arg.AsCall().Args()) {
					return false
				}
				continue
			}
			part := t.condition(arg)
			if part == nil {
				return false
			}
			parts = append(parts, part)
		}
		return true
	}
	if !collect(args) {
		return nil
	}
	return func(f *Facts) truth {
		result := yes - decides
		for _, part := range parts {
			switch answer := part(f); answer {
			case decides:
				return decides
			case failed:
				result = failed
			}
		}
		return result
	}
}

func negated(of condition) condition {
	if of == nil {
		return nil
	}
	return func(f *Facts) truth {
		switch of(f) {
		case yes:
			return no
		case no:
			return yes
		default:
			return failed
		}
	}
}

func chosen(when, then, otherwise condition) condition {
	if when == nil || then == nil || otherwise == nil {
		return nil
	}
	return func(f *Facts) truth {
		switch when(f) {
		case yes:
			return then(f)
		case no:
			return otherwise(f)
		default:
			return failed
		}
	}
}

// relation is a set of outcomes of a comparison.
type relation uint8

const (
	below relation = 1 << iota
	level
	beyond
)

func (r relation) holds(a, b int64) truth {
	return truthOf(r&(1<<(cmp.Compare(a, b)+1)) != 0)
}

func (t translator) kind(expr ast.Expr) types.Kind { return t.tree.GetType(expr.ID()).Kind() }

func (t translator) compared(args []ast.Expr, want relation) condition {
	a, b := t.number(args[0]), t.number(args[1])
	if a == nil || b == nil {
		return nil
	}
	if limit, fixed := literal[int64](args[1]); fixed {
		return func(f *Facts) truth {
			value, known := a(f)
			if !known {
				return failed
			}
			return want.holds(value, limit)
		}
	}
	return func(f *Facts) truth {
		left, leftKnown := a(f)
		right, rightKnown := b(f)
		if !leftKnown || !rightKnown {
			return failed
		}
		return want.holds(left, right)
	}
}

func (t translator) equal(left, right ast.Expr) condition {
	if t.kind(left) != t.kind(right) {
		return nil
	}
	switch t.kind(left) {
	case types.IntKind:
		return t.compared([]ast.Expr{left, right}, level)
	case types.StringKind:
		return alike(t.words(left), t.words(right))
	case types.BoolKind:
		a, b := t.condition(left), t.condition(right)
		if a == nil || b == nil {
			return nil
		}
		return func(f *Facts) truth {
			x, y := a(f), b(f)
			if x == failed || y == failed {
				return failed
			}
			return truthOf(x == y)
		}
	default:
		return nil
	}
}

func alike(a, b words) condition {
	if a == nil || b == nil {
		return nil
	}
	return func(f *Facts) truth {
		left, leftKnown := a(f)
		right, rightKnown := b(f)
		if !leftKnown || !rightKnown {
			return failed
		}
		return truthOf(left == right)
	}
}

// member is `in` on a list written out in the rule. Every element is
// evaluated: one that fails fails the whole.
func (t translator) member(expr, list ast.Expr) condition {
	if list.Kind() != ast.ListKind || len(list.AsList().OptionalIndices()) > 0 {
		return nil
	}
	elements := list.AsList().Elements()
	for _, element := range elements {
		if t.kind(element) != t.kind(expr) {
			return nil
		}
	}
	switch t.kind(expr) {
	case types.IntKind:
		return among(each(elements, t.number), t.number(expr))
	case types.StringKind:
		return among(each(elements, t.words), t.words(expr))
	default:
		return nil
	}
}

func each[S, T any](list []S, translate func(S) T) []T {
	all := make([]T, len(list))
	for i := range list {
		all[i] = translate(list[i])
	}
	return all
}

func among[F ~func(*Facts) (T, bool), T comparable](list []F, of F) condition {
	if of == nil || slices.ContainsFunc(list, func(f F) bool { return f == nil }) {
		return nil
	}
	return func(f *Facts) truth {
		wanted, known := of(f)
		if !known {
			return failed
		}
		found := no
		for _, element := range list {
			value, known := element(f)
			if !known {
				return failed
			}
			if value == wanted {
				found = yes
			}
		}
		return found
	}
}
