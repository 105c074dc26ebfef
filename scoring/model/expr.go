package model

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// eval computes a value from the slots of a row, without allocating.
type eval func(slots []Value) Value

// term is a compiled part of an expression.
type term struct {
	run  eval
	kind Kind
	text string  // of a quoted constant
	num  float64 // of a number constant
	lit  bool
}

// parser reads expressions such as ratio(debt, income) or days(due, "paid on").
type parser struct {
	src     string
	at      int
	resolve func(name string) (slot int, kind Kind, ok bool)
}

// compile reads an expression: a column, a number, or a function of them.
// Columns are bare words, or `anything else` in backquotes; constants are
// numbers and "texts".
func compile(src string, resolve func(string) (int, Kind, bool)) (term, error) {
	p := &parser{src: src, resolve: resolve}
	t, err := p.term()
	if err != nil {
		return term{}, fmt.Errorf("%q at character %d: %w", src, p.at+1, err)
	}
	p.space()
	if p.at < len(src) {
		return term{}, fmt.Errorf("%q at character %d: text after the expression", src, p.at+1)
	}
	if t.lit {
		return term{}, fmt.Errorf("%q reads no column", src)
	}
	return t, nil
}

func (p *parser) space() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\t') {
		p.at++
	}
}

func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.src) && p.src[p.at] == c {
		p.at++
		return true
	}
	return false
}

// quoted reads up to the closing quote.
func (p *parser) quoted(quote byte) (string, error) {
	end := strings.IndexByte(p.src[p.at:], quote)
	if end < 0 {
		return "", fmt.Errorf("%q is not closed", quote)
	}
	text := p.src[p.at : p.at+end]
	p.at += end + 1
	return text, nil
}

func (p *parser) word() string {
	start := p.at
	for p.at < len(p.src) {
		r, size := utf8.DecodeRuneInString(p.src[p.at:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '.' {
			break
		}
		p.at += size
	}
	return p.src[start:p.at]
}

func (p *parser) term() (term, error) {
	switch {
	case p.take('`'):
		name, err := p.quoted('`')
		if err != nil {
			return term{}, err
		}
		return p.column(name)
	case p.take('"'):
		text, err := p.quoted('"')
		if err != nil {
			return term{}, err
		}
		value := Value{Text: text, Known: true}
		return term{run: func([]Value) Value { return value }, kind: Category, text: text, lit: true}, nil
	}
	p.space()
	start := p.at
	if p.at < len(p.src) && (p.src[p.at] == '-' || p.src[p.at] == '+') {
		p.at++
	}
	word := p.word()
	if num, ok := ParseNumber(p.src[start:p.at]); ok {
		value := Value{Num: num, Known: true}
		return term{run: func([]Value) Value { return value }, kind: Number, num: num, lit: true}, nil
	}
	if word == "" || p.src[start:p.at] != word {
		return term{}, errors.New("want a column, a number or a function")
	}
	if !p.take('(') {
		return p.column(word)
	}
	return p.call(word)
}

func (p *parser) column(name string) (term, error) {
	slot, kind, ok := p.resolve(name)
	if !ok {
		return term{}, fmt.Errorf("no column %q before this one", name)
	}
	return term{run: func(slots []Value) Value { return slots[slot] }, kind: kind}, nil
}

func (p *parser) call(name string) (term, error) {
	def, ok := functions()[name]
	if !ok {
		return term{}, fmt.Errorf("no function %q", name)
	}
	var args []term
	for !p.take(')') {
		if len(args) > 0 && !p.take(',') {
			return term{}, errors.New("want a comma or a closing bracket")
		}
		arg, err := p.term()
		if err != nil {
			return term{}, err
		}
		args = append(args, arg)
	}
	want := []rune(def.takes)
	if len(args) != len(want) && (!def.more || len(args) < len(want)) {
		return term{}, fmt.Errorf("%s takes %d arguments, not %d", name, len(want), len(args))
	}
	for i, arg := range args {
		if takes := want[min(i, len(want)-1)]; !fits(takes, arg) {
			return term{}, fmt.Errorf("%s: argument %d is a %s", name, i+1, arg.kind)
		}
	}
	return term{run: finite(def.make(args)), kind: def.gives}, nil
}

// fits tells whether an argument is of the kind a function takes: n number, d
// date, c category, x any number or date, N and T constants, a anything.
func fits(takes rune, arg term) bool {
	switch takes {
	case 'n':
		return arg.kind == Number
	case 'd':
		return arg.kind == Date
	case 'c':
		return arg.kind == Category && !arg.lit
	case 'x':
		return arg.kind != Category
	case 'N':
		return arg.kind == Number && arg.lit
	case 'T':
		return arg.kind == Category && arg.lit
	}
	return true
}

// finite turns what is no number, or out of all range, into a missing value.
func finite(run eval) eval {
	return func(slots []Value) Value {
		value := run(slots)
		if math.IsNaN(value.Num) || math.IsInf(value.Num, 0) {
			return Value{}
		}
		return value
	}
}

// function is what an expression may call.
type function struct {
	takes string
	more  bool // the last argument may repeat
	gives Kind
	make  func(args []term) eval
}

func known(num float64) Value { return Value{Num: num, Known: true} }

// both is a function of two numbers, missing when one is.
func both(of func(a, b float64) float64) func([]term) eval {
	return func(args []term) eval {
		first, second := args[0].run, args[1].run
		return func(slots []Value) Value {
			a, b := first(slots), second(slots)
			if !a.Known || !b.Known {
				return Value{}
			}
			return known(of(a.Num, b.Num))
		}
	}
}

func one(of func(a float64) float64) func([]term) eval {
	return func(args []term) eval {
		first := args[0].run
		return func(slots []Value) Value {
			a := first(slots)
			if !a.Known {
				return Value{}
			}
			return known(of(a.Num))
		}
	}
}

// fold goes over the known arguments: missing only when all are.
func fold(of func(a, b float64) float64) func([]term) eval {
	return func(args []term) eval {
		return func(slots []Value) Value {
			var result Value
			for i := range args {
				switch value := args[i].run(slots); {
				case !value.Known:
				case !result.Known:
					result = value
				default:
					result.Num = of(result.Num, value.Num)
				}
			}
			return result
		}
	}
}

func moment(day float64) time.Time { return time.Unix(int64(math.Floor(day*86_400)), 0).UTC() }

func truth(yes bool) Value {
	if yes {
		return known(1)
	}
	return known(0)
}

// functions lists what an expression may call; docs/models.md explains each.
func functions() map[string]function {
	return map[string]function{
		"add":     {"nn", false, Number, both(func(a, b float64) float64 { return a + b })},
		"sub":     {"nn", false, Number, both(func(a, b float64) float64 { return a - b })},
		"mul":     {"nn", false, Number, both(func(a, b float64) float64 { return a * b })},
		"ratio":   {"nn", false, Number, both(func(a, b float64) float64 { return a / b })}, // by zero: missing
		"days":    {"dd", false, Number, both(func(a, b float64) float64 { return a - b })},
		"cap":     {"nN", false, Number, both(math.Min)},
		"floor":   {"nN", false, Number, both(math.Max)},
		"log":     {"n", false, Number, one(math.Log1p)}, // ln(1 + a)
		"abs":     {"n", false, Number, one(math.Abs)},
		"min":     {"nn", true, Number, fold(math.Min)},
		"max":     {"nn", true, Number, fold(math.Max)},
		"sum":     {"nn", true, Number, fold(func(a, b float64) float64 { return a + b })},
		"year":    {"d", false, Number, one(func(d float64) float64 { return float64(moment(d).Year()) })},
		"month":   {"d", false, Number, one(func(d float64) float64 { return float64(moment(d).Month()) })},
		"day":     {"d", false, Number, one(func(d float64) float64 { return float64(moment(d).Day()) })},
		"weekday": {"d", false, Number, one(func(d float64) float64 { return float64(moment(d).Weekday()) })}, // 0 = Sunday
		"hour":    {"d", false, Number, one(func(d float64) float64 { return float64(moment(d).Hour()) })},
		"known": {"a", false, Number, func(args []term) eval {
			return func(slots []Value) Value { return truth(args[0].run(slots).Known) }
		}},
		"same":   {"cc", false, Number, sameText},
		"is":     {"cT", true, Number, isOneOf},
		"isnot":  {"nN", true, Number, dropNumbers},
		"prefix": {"cN", false, Category, prefix},
		"number": {"c", false, Number, toNumber},
	}
}

func sameText(args []term) eval {
	return func(slots []Value) Value {
		a, b := args[0].run(slots), args[1].run(slots)
		if !a.Known || !b.Known {
			return Value{}
		}
		return truth(a.Text == b.Text)
	}
}

func isOneOf(args []term) eval {
	return func(slots []Value) Value {
		value := args[0].run(slots)
		if !value.Known {
			return Value{}
		}
		for i := range args[1:] {
			if args[i+1].text == value.Text {
				return known(1)
			}
		}
		return known(0)
	}
}

// dropNumbers gives the value unless it is one of the constants: a code that
// stands for something else than a quantity.
func dropNumbers(args []term) eval {
	return func(slots []Value) Value {
		value := args[0].run(slots)
		for i := range args[1:] {
			if value.Known && args[i+1].num == value.Num {
				return Value{}
			}
		}
		return value
	}
}

// prefix gives the first characters of a category.
func prefix(args []term) eval {
	return func(slots []Value) Value {
		value, left := args[0].run(slots), int(args[1].num)
		for at := range value.Text {
			if left == 0 {
				value.Text = value.Text[:at]
				break
			}
			left--
		}
		return value
	}
}

func toNumber(args []term) eval {
	return func(slots []Value) Value {
		if num, ok := ParseNumber(args[0].run(slots).Text); ok {
			return known(num)
		}
		return Value{}
	}
}

// ExprColumns lists the columns that an expression names, bare or in
// backquotes; it also lists words that turn out to be functions.
func ExprColumns(src string) []string {
	var names []string
	p := &parser{src: src}
	for p.at < len(src) {
		switch src[p.at] {
		case '`', '"':
			quote := src[p.at]
			p.at++
			name, err := p.quoted(quote)
			if err != nil {
				return names
			}
			if quote == '`' {
				names = append(names, name)
			}
		default:
			if word := p.word(); word != "" {
				names = append(names, word)
			} else {
				p.at++
			}
		}
	}
	return names
}
