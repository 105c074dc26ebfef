// Package policy holds the rules written in CEL and the degradation matrix.
// The one rule: everything is an integer, and a rule that cannot be evaluated
// fails closed; it never lets an application through and never crashes.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"loan310/scoring/evidence"
	"loan310/scoring/features"
	"loan310/scoring/verdict"
)

// Stages of a rule, in the order they run.
const (
	KnockOut = "knockout" // before any source is asked; sees the applicant only
	Hard     = "hard"     // declines
	Refer    = "refer"    // defers, or sends to the thin-file lane
	Limit    = "cap"      // caps the limit
)

// Rule is one policy rule.
type Rule struct {
	ID       string   `json:"id"`
	Stage    string   `json:"stage"`
	When     string   `json:"when"` // CEL, true = the rule fires
	Effect   Effect   `json:"effect"`
	Priority int      `json:"priority"`       // smaller runs and explains first; ties by id
	Args     []string `json:"args,omitempty"` // variables given with the reason
	About    string   `json:"about,omitempty"`
}

// costLimit bounds one rule's work, in CEL's units of about one operation.
const costLimit = 2_000

// compiled is a rule ready to run.
type compiled struct {
	rule      Rule
	program   cel.Program
	condition condition // the program as Go; nil = CEL runs it
	args      []number  // of rule.Args; nil = no variable
}

// Policy is a validated set of rules. Safe for concurrent use.
type Policy struct {
	byStage map[string][]compiled
}

// stages says which effects a stage may have.
func stages(stage string) ([]string, bool) {
	switch stage {
	case KnockOut, Hard:
		return []string{Decline}, true
	case Refer:
		return []string{Thin, Defer}, true
	case Limit:
		return []string{Cap}, true
	default:
		return nil, false
	}
}

// New compiles rules; the error names the rule and what is wrong with it. A
// rule must be of type bool, use no floating point, and read a feature only
// behind its has_ companion: it is tried on a merchant of whom nothing is
// known.
func New(rules []Rule) (*Policy, error) {
	environments := map[bool]*cel.Env{}
	for _, early := range []bool{true, false} {
		environment, err := newEnvironment(early)
		if err != nil {
			return nil, fmt.Errorf("environment: %w", err)
		}
		environments[early] = environment
	}
	policy := &Policy{byStage: map[string][]compiled{}}
	seen := map[string]bool{}
	for i := range rules {
		rule := rules[i]
		if rule.ID == "" || seen[rule.ID] {
			return nil, fmt.Errorf("rules[%d] (%s): the id must be given and be its own", i, rule.ID)
		}
		seen[rule.ID] = true
		ready, err := compile(environments[rule.Stage == KnockOut], rule)
		if err != nil {
			return nil, fmt.Errorf("rules[%d] (%s): %w", i, rule.ID, err)
		}
		policy.byStage[rule.Stage] = append(policy.byStage[rule.Stage], ready)
	}
	for _, list := range policy.byStage {
		slices.SortFunc(list, func(a, b compiled) int {
			if a.rule.Priority != b.rule.Priority {
				return a.rule.Priority - b.rule.Priority
			}
			return strings.Compare(a.rule.ID, b.rule.ID)
		})
	}
	return policy, nil
}

// newEnvironment declares the variables of a stage: the applicant's, and after
// the knock-out every feature by name with has_<name>, the state of each source as
// state_<source>, the score and the lane.
func newEnvironment(early bool) (*cel.Env, error) {
	var options []cel.EnvOption
	for _, name := range applicantInts() {
		options = append(options, cel.Variable(name, cel.IntType))
	}
	for _, name := range applicantTexts() {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	for _, name := range applicantFlags() {
		options = append(options, cel.Variable(name, cel.BoolType))
	}
	if !early {
		for _, def := range features.All() {
			options = append(options, cel.Variable(def.Name, cel.IntType), cel.Variable(hasPrefix+def.Name, cel.BoolType))
		}
		options = append(options, cel.Variable("score", cel.IntType), cel.Variable("pd_ppm", cel.IntType),
			cel.Variable("lane", cel.StringType), cel.Variable("final", cel.BoolType))
		for _, source := range evidence.Sources {
			options = append(options, cel.Variable(statePrefix+string(source), cel.StringType))
		}
	}
	return cel.NewEnv(options...)
}

func compile(environment *cel.Env, rule Rule) (compiled, error) {
	effects, known := stages(rule.Stage)
	if !known {
		return compiled{}, fmt.Errorf("stage %q: want %s, %s, %s or %s", rule.Stage, KnockOut, Hard, Refer, Limit)
	}
	if !slices.Contains(effects, rule.Effect.Do) {
		return compiled{}, fmt.Errorf("effect %q: a %s rule wants %s", rule.Effect.Do, rule.Stage, strings.Join(effects, " or "))
	}
	if err := rule.Effect.validate(true); err != nil {
		return compiled{}, err
	}
	if rule.Effect.Do == Defer && len(rule.Effect.WaitFor) == 0 {
		return compiled{}, errors.New("wait_for: a rule that defers must say what for")
	}
	for _, source := range rule.Effect.WaitFor {
		if !slices.Contains(evidence.Sources[:], source) {
			return compiled{}, fmt.Errorf("wait_for: no source %q", source)
		}
	}
	tree, issues := environment.Compile(rule.When)
	if issues.Err() != nil {
		return compiled{}, fmt.Errorf("when: %w", issues.Err())
	}
	if !tree.OutputType().IsExactType(cel.BoolType) {
		return compiled{}, fmt.Errorf("when: gives %s, not bool", tree.OutputType())
	}
	for _, kind := range tree.NativeRep().TypeMap() {
		if mentionsDouble(kind) {
			return compiled{}, errors.New("when: floating point; integers only")
		}
	}
	for _, arg := range rule.Args {
		if kind, issues := environment.Compile(arg); issues.Err() != nil || !kind.OutputType().IsExactType(cel.IntType) {
			return compiled{}, fmt.Errorf("args: %q is no integer variable", arg)
		}
	}
	program, err := programOf(environment, tree)
	if err != nil {
		return compiled{}, fmt.Errorf("when: %w", err)
	}
	native := tree.NativeRep()
	ready := compiled{rule, program, translator{native}.condition(native.Expr()), each(rule.Args, numberOf)}
	return ready, ready.guarded(tree)
}

func programOf(environment *cel.Env, tree *cel.Ast) (cel.Program, error) {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if !bounded(tree) {
		options = append(options, cel.CostLimit(costLimit))
	}
	return environment.Program(tree, options...)
}

// bounded tells that a rule does no more work than its text is long: operators
// only, and no loop. Counting its cost while it runs would cost more than it.
func bounded(tree *cel.Ast) bool {
	plain := true
	ast.PreOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(func(part ast.Expr) {
		switch part.Kind() {
		case ast.ComprehensionKind:
			plain = false
		case ast.CallKind:
			if _, operator := operators.FindReverse(part.AsCall().FunctionName()); !operator {
				plain = false
			}
		}
	}))
	return plain
}

// guarded tries a rule on merchants of whom nothing is known, and on ones of
// whom all but one of its features are, with several values: a feature that is
// read without its has_ companion shows.
func (c *compiled) guarded(tree *cel.Ast) error {
	var used []features.ID
	for _, reference := range tree.NativeRep().ReferenceMap() {
		if id, isFeature := features.Index(strings.TrimPrefix(reference.Name, hasPrefix)); isFeature && !slices.Contains(used, id) {
			used = append(used, id)
		}
	}
	slices.Sort(used)
	tries := []*Facts{{}}
	for _, missing := range used {
		for _, value := range []int64{0, 1, -1, 1_000_000_000} {
			facts := &Facts{Vector: make(features.Vector, features.Count)}
			for _, id := range used {
				if id != missing {
					facts.Vector[id] = verdict.FeatureValue{Value: value, State: verdict.FeatureKnown}
				}
			}
			tries = append(tries, facts)
		}
	}
	for _, facts := range tries {
		if _, err := c.interpret(facts); err != nil {
			return fmt.Errorf("when: tried on merchants of whom little is known: %w (guard each feature with %s)", err, hasPrefix+"…")
		}
	}
	return nil
}

func mentionsDouble(kind *types.Type) bool {
	if kind.Kind() == types.DoubleKind {
		return true
	}
	return slices.ContainsFunc(kind.Parameters(), mentionsDouble)
}

// errFailed is a translated rule without an answer.
var errFailed = errors.New("the rule cannot be evaluated")

// fires evaluates one rule.
func (c *compiled) fires(facts *Facts) (bool, error) {
	if c.condition == nil {
		return c.interpret(facts)
	}
	answer := c.condition(facts)
	if answer == failed {
		return false, errFailed
	}
	return answer == yes, nil
}

// interpret evaluates one rule by CEL itself.
func (c *compiled) interpret(facts *Facts) (bool, error) {
	result, _, err := c.program.Eval(facts)
	if err != nil {
		return false, err
	}
	fired, isBool := result.Value().(bool)
	if !isBool {
		return false, fmt.Errorf("gives %s, not bool", result.Type())
	}
	return fired, nil
}
