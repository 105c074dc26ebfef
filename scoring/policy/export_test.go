package policy

// Answers is what a rule comes to, by CEL and as translated into Go: "true",
// "false" or "error"; Native is "" where the rule was not translated.
type Answers struct{ CEL, Native string }

// Both evaluates a condition in both ways. The error is that of compiling it;
// unlike a rule of a strategy it need not be guarded.
func Both(when string, early bool) (func(*Facts) Answers, error) {
	environment, err := newEnvironment(early)
	if err != nil {
		return nil, err
	}
	tree, issues := environment.Compile(when)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := programOf(environment, tree)
	if err != nil {
		return nil, err
	}
	native := tree.NativeRep()
	ready := compiled{program: program, condition: translator{native}.condition(native.Expr())}
	return func(facts *Facts) Answers {
		answers := Answers{CEL: word(ready.interpret(facts))}
		if ready.condition != nil {
			answers.Native = word(ready.fires(facts))
		}
		return answers
	}, nil
}

func word(fired bool, err error) string {
	switch {
	case err != nil:
		return "error"
	case fired:
		return "true"
	default:
		return "false"
	}
}
