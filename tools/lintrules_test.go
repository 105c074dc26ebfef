// Package tools_test shows that the linter's house rules bite, on a module made of one violation per rule.
package tools_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lintCase is one file of the module. Its findings must be exactly want: a linter's name, for depguard the rule's.
type lintCase struct {
	name string
	dir  string // a folder of its own below, or the package itself when it ends in "/"
	code string
	test bool
	want []string
}

func imports(pkg string) string { return "import _ \"" + pkg + "\"\n" }

const (
	adapter   = "loan310/adapters/bank"
	useCase   = "loan310/app/merchant"
	stack     = "loan310/app/stack"
	uuid      = "github.com/google/uuid"
	phone     = "github.com/nyaruka/phonenumbers"
	cel       = "cel.dev/cel-go/cel"
	gonum     = "gonum.org/v1/gonum/stat"
	gin       = "github.com/gin-gonic/gin"
	huma      = "github.com/danielgtaylor/huma/v2"
	gorm      = "gorm.io/gorm"
	gobreaker = "github.com/sony/gobreaker/v2"
	temporal  = "go.temporal.io/sdk/workflow"
	kong      = "github.com/alecthomas/kong"
	assert    = "github.com/stretchr/testify/assert"
)

// thirdParty lists the modules that the cases import; each is replaced by an empty one, so that nothing is downloaded.
var thirdParty = map[string][]string{
	"github.com/google/uuid":           {uuid},
	"github.com/nyaruka/phonenumbers":  {phone},
	"cel.dev/cel-go":                   {cel},
	"gonum.org/v1/gonum":               {gonum},
	"github.com/gin-gonic/gin":         {gin},
	"github.com/danielgtaylor/huma/v2": {huma},
	"gorm.io/gorm":                     {gorm},
	"github.com/sony/gobreaker/v2":     {gobreaker},
	"go.temporal.io/sdk":               {temporal},
	"github.com/alecthomas/kong":       {kong},
	"github.com/stretchr/testify":      {assert},
}

var importCases = []lintCase{
	{name: "scoring imports scoring", dir: "scoring", code: imports("loan310/scoring/evidence")},
	{name: "scoring imports money", dir: "scoring", code: imports("loan310/app/money")},
	{name: "scoring does not import a use case", dir: "scoring", code: imports(useCase), want: []string{"scoring-is-pure"}},
	{name: "scoring does not import CEL", dir: "scoring/features", code: imports(cel), want: []string{"scoring-is-pure"}},
	{name: "scoring does not touch files", dir: "scoring", code: imports("os"), want: []string{"scoring-is-pure"}},
	{name: "scoring draws no numbers", dir: "scoring", code: imports("math/rand/v2"), want: []string{"scoring-is-pure"}},
	{name: "a test in scoring may read files", dir: "scoring", code: imports("os"), test: true},
	{name: "policy imports CEL", dir: "scoring/policy", code: imports(cel)},
	{name: "policy does not import gonum", dir: "scoring/policy", code: imports(gonum), want: []string{"scoring-policy-adds-cel"}},
	{name: "train imports gonum", dir: "scoring/train", code: imports(gonum)},
	{name: "train does not import CEL", dir: "scoring/train", code: imports(cel), want: []string{"scoring-train-adds-gonum"}},

	{name: "a leaf imports a leaf", dir: "app/audit", code: imports("loan310/app/fault")},
	{name: "a leaf does not import a library", dir: "app/money", code: imports(uuid), want: []string{"leaves-stay-leaves"}},
	{name: "a leaf does not import a use case", dir: "app/clock", code: imports(useCase), want: []string{"leaves-stay-leaves"}},
	{name: "ident imports phonenumbers", dir: "app/ident", code: imports(phone)},
	{name: "ident does not import a use case", dir: "app/ident", code: imports(useCase), want: []string{"ident-adds-formats"}},

	{name: "a use case imports scoring", dir: "app", code: imports("loan310/scoring/evidence")},
	{name: "a use case imports a leaf and uuid", dir: "app", code: imports("loan310/app/ident") + imports(uuid)},
	{name: "a use case does not import another", dir: "app", code: imports(useCase), want: []string{"use-cases-stay-apart"}},
	{name: "a use case does not import an adapter", dir: "app", code: imports(adapter), want: []string{"use-cases-stay-apart"}},
	{name: "a use case does not import web", dir: "app", code: imports("loan310/web"), want: []string{"use-cases-stay-apart"}},
	{name: "a use case does not import phonenumbers", dir: "app", code: imports(phone), want: []string{"use-cases-stay-apart"}},
	{name: "a loan's engine imports leaves and schedules", dir: "app/servicing/loan", code: imports("loan310/app/fault") + imports("loan310/scoring/pricing")},
	{name: "a loan's engine does not import the rest of scoring", dir: "app/servicing/loan", code: imports("loan310/scoring/evidence"), want: []string{"loan-is-pure"}},
	{name: "a loan's engine has no clock", dir: "app/servicing/loan", code: imports("loan310/app/clock"), want: []string{"loan-is-pure"}},
	{name: "a loan's engine does not touch files", dir: "app/servicing/loan", code: imports("os"), want: []string{"loan-is-pure"}},
	{name: "servicing imports its engine", dir: "app/servicing", code: imports("loan310/app/servicing/loan") + imports("loan310/app/clock")},
	{name: "servicing does not import another use case", dir: "app/servicing", code: imports(useCase), want: []string{"servicing-is-a-use-case"}},
	{name: "collection imports servicing and its engine", dir: "app/servicing/collection", code: imports("loan310/app/servicing") + imports("loan310/app/servicing/loan")},
	{name: "collection does not import another use case", dir: "app/servicing/collection", code: imports(useCase), want: []string{"collection-stands-on-servicing"}},
	{name: "another use case does not import a loan's engine", dir: "app", code: imports("loan310/app/servicing/loan"), want: []string{"use-cases-stay-apart"}},
	{name: "the back-test imports scoring and its own parts", dir: "app/backtest", code: imports("loan310/scoring/evidence") + imports("loan310/app/backtest/chart")},
	{name: "the back-test does not import an adapter", dir: "app/backtest", code: imports(adapter), want: []string{"backtest-is-a-use-case"}},
	{name: "the back-test does not import another use case", dir: "app/backtest", code: imports(useCase), want: []string{"backtest-is-a-use-case"}},
	{name: "scorecards import the reader of tables", dir: "app/scorecards", code: imports("loan310/adapters/tabular") + imports("loan310/scoring/evidence")},
	{name: "scorecards do not import another adapter", dir: "app/scorecards", code: imports(adapter), want: []string{"scorecards-read-tables"}},
	{name: "scorecards do not import a use case", dir: "app/scorecards", code: imports(useCase), want: []string{"scorecards-read-tables"}},
	{name: "a study of dossiers imports the dossier", dir: "app/authenticity", code: imports("loan310/adapters/dossier") + imports("loan310/scoring/evidence")},
	{name: "a study of dossiers does not import another adapter", dir: "app/authenticity", code: imports(adapter), want: []string{"studies-read-dossiers"}},
	{name: "a study of dossiers does not import a use case", dir: "app/authenticity", code: imports(useCase), want: []string{"studies-read-dossiers"}},
	{name: "the stack imports everything", dir: "app/stack", code: imports(adapter) + imports(useCase) + imports("loan310/web") + imports(temporal)},
	{name: "main imports the stack", dir: "app/", code: imports(stack) + imports(kong) + imports(temporal)},
	{name: "main imports scorecards", dir: "app/", code: imports("loan310/app/scorecards")},
	{name: "main imports the back-test", dir: "app/", code: imports("loan310/app/backtest")},
	{name: "main does not import an adapter", dir: "app/", code: imports(adapter), want: []string{"main-is-the-command-line"}},
	{name: "main does not import a use case", dir: "app/", code: imports(useCase), want: []string{"main-is-the-command-line"}},

	{name: "web imports a use case and gin", dir: "web", code: imports(useCase) + imports(gin) + imports(huma)},
	{name: "web itself imports gin", dir: "web/", code: imports(gin)},
	{name: "web does not import an adapter", dir: "web", code: imports(adapter), want: []string{"web-and-workflows-see-no-adapter"}},
	{name: "web itself does not import an adapter", dir: "web/", code: imports(adapter), want: []string{"web-and-workflows-see-no-adapter"}},
	{name: "web does not import the stack", dir: "web", code: imports(stack), want: []string{"web-and-workflows-see-no-adapter"}},
	{name: "workflows import a use case and Temporal", dir: "workflows", code: imports(useCase) + imports(temporal)},
	{name: "workflows do not import an adapter", dir: "workflows", code: imports(adapter), want: []string{"web-and-workflows-see-no-adapter"}},
	{name: "workflows do not import web", dir: "workflows", code: imports("loan310/web/session"), want: []string{"workflows-see-no-web"}},

	{name: "an adapter imports the plumbing", dir: "adapters", code: imports("loan310/adapters/breaker") + imports("loan310/adapters/httpx") + imports(useCase)},
	{name: "an adapter does not import another", dir: "adapters", code: imports(adapter), want: []string{"adapters-stay-apart"}},
	{name: "an adapter does not import the dossier", dir: "adapters", code: imports("loan310/adapters/dossier"), want: []string{"adapters-stay-apart"}},
	{name: "an adapter does not import workflows", dir: "adapters", code: imports("loan310/workflows"), want: []string{"adapters-stay-apart"}},
	{name: "the store does not import an adapter", dir: "adapters/store", code: imports(adapter), want: []string{"store-stays-apart"}},
	{name: "the sandbox imports the dossier", dir: "adapters/sandbox", code: imports("loan310/adapters/dossier")},
	{name: "the sandbox does not import an adapter", dir: "adapters/sandbox", code: imports(adapter), want: []string{"sandbox-stays-apart"}},

	{name: "gin only in web", dir: "workflows", code: imports(gin), want: []string{"gin-only-in-web"}},
	{name: "gin not in a test elsewhere", dir: "adapters", code: imports(gin), test: true, want: []string{"gin-only-in-web"}},
	{name: "huma only in web", dir: "app/stack", code: imports(huma), want: []string{"gin-only-in-web"}},
	{name: "gorm in the store", dir: "adapters/store", code: imports(gorm)},
	{name: "gorm only in the store", dir: "web", code: imports(gorm), want: []string{"gorm-only-in-store"}},
	{name: "gobreaker in the breaker", dir: "adapters/breaker", code: imports(gobreaker)},
	{name: "gobreaker only in the breaker", dir: "adapters", code: imports(gobreaker), want: []string{"gobreaker-only-in-breaker"}},
	{name: "Temporal not in web", dir: "web", code: imports(temporal), want: []string{"temporal-only-in-workflows-and-app"}},
	{name: "Temporal not in an adapter", dir: "adapters", code: imports(temporal), want: []string{"temporal-only-in-workflows-and-app"}},
	{name: "kong only in main", dir: "app/stack", code: imports(kong), want: []string{"kong-only-in-app"}},
}

const (
	readClock  = "import \"time\"\n\n// Read reads.\nfunc Read() time.Time { return time.Now() }\n"
	printLine  = "import \"fmt\"\n\n// Say says.\nfunc Say() { fmt.Println() }\n"
	bareNolint = "// Run runs.\nfunc Run(f func() error) { f() } //nolint:errcheck\n"
)

var styleCases = []lintCase{
	{name: "no wall clock in a use case", dir: "app", code: readClock, want: []string{"forbidigo"}},
	{name: "no wall clock in scoring", dir: "scoring", code: readClock, want: []string{"forbidigo"}},
	{name: "wall clock in the clock", dir: "app/clock", code: readClock},
	{name: "wall clock in the stack", dir: "app/stack", code: readClock},
	{name: "wall clock in the sandbox", dir: "adapters/sandbox", code: readClock},
	{name: "wall clock in a test", dir: "web", code: readClock, test: true},
	{name: "no printing", dir: "app/stack", code: printLine, want: []string{"forbidigo"}},
	{name: "no assert", dir: "web", code: "import \"" + assert + "\"\n\nvar _ = assert.Equal\n", test: true, want: []string{"forbidigo"}},
	{name: "exports are documented", dir: "web", code: "func Run() {}\n", want: []string{"revive"}},
	{name: "functions are short", dir: "web", code: longFunction("Run"), want: []string{"funlen"}},
	{name: "tests may be long", dir: "web", code: longFunction("Run"), test: true},
	{name: "exceptions are argued", dir: "web", code: bareNolint, want: []string{"nolintlint"}},
}

func longFunction(name string) string {
	return "// " + name + " runs.\nfunc " + name + "(f func()) {\n" + strings.Repeat("\tf()\n", 81) + "}\n"
}

func TestHouseRulesBite(t *testing.T) {
	t.Parallel()
	linter, err := filepath.Abs("../.bin/golangci-lint")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(linter); err != nil {
		t.Fatal("no linter in .bin: run `go tool task lint` first")
	}
	module := t.TempDir()
	writeModule(t, module)
	files := map[string]lintCase{}
	for i, c := range slices.Concat(importCases, styleCases) {
		files[writeCase(t, module, i, c)] = c
	}

	found := lint(t, linter, module)
	for file, rules := range found {
		if _, ok := files[file]; !ok {
			t.Errorf("%s: found %v in a file that is no case", file, rules)
		}
	}
	for file, c := range files {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !slices.Equal(found[file], c.want) {
				t.Errorf("%s: found %v, want %v", file, found[file], c.want)
			}
		})
	}
}

// writeModule writes what the cases import, and the configuration under test.
func writeModule(t *testing.T, module string) {
	t.Helper()
	config, err := os.ReadFile("../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, module, ".golangci.yml", string(config))
	goMod := "module loan310\n\ngo 1.26\n"
	for name, packages := range thirdParty {
		version := "v1.0.0"
		if base := path.Base(name); regexp.MustCompile(`^v\d+$`).MatchString(base) {
			version = base + ".0.0"
		}
		folder := "third_party/" + name
		goMod += fmt.Sprintf("\nrequire %s %s\nreplace %s => ./%s\n", name, version, name, folder)
		write(t, module, folder+"/go.mod", "module "+name+"\n\ngo 1.26\n")
		for _, pkg := range packages {
			write(t, module, "third_party/"+pkg+"/stub.go", stub(pkg)+"\n// Equal is used by a case.\nfunc Equal() {}\n")
		}
	}
	write(t, module, "go.mod", goMod)
	for _, pkg := range []string{
		adapter, useCase, stack, "loan310/app/money", "loan310/app/fault", "loan310/app/ident", "loan310/scoring/evidence", "loan310/web",
		"loan310/web/session", "loan310/workflows", "loan310/adapters/breaker", "loan310/adapters/httpx", "loan310/adapters/dossier",
		"loan310/app/clock", "loan310/scoring/pricing", "loan310/app/servicing", "loan310/app/servicing/loan", "loan310/adapters/tabular", "loan310/app/scorecards", "loan310/app/backtest", "loan310/app/backtest/chart",
	} {
		write(t, module, strings.TrimPrefix(pkg, "loan310/")+"/stub.go", stub(pkg))
	}
	write(t, module, "app/stub.go", "// Command loan310 is a stub.\npackage main\n\nfunc main() {}\n")
}

func stub(pkg string) string {
	name := path.Base(pkg)
	if regexp.MustCompile(`^v\d+$`).MatchString(name) {
		name = path.Base(path.Dir(pkg))
	}
	return fmt.Sprintf("// Package %s is a stub.\npackage %s\n", name, name)
}

// writeCase gives a case a package of its own, so that no two make an import cycle.
func writeCase(t *testing.T, module string, number int, c lintCase) string {
	t.Helper()
	name := fmt.Sprintf("case%d", number)
	folder, pkg := path.Join(c.dir, name), name
	doc := "// Package " + pkg + " is a case.\n"
	if parent, ok := strings.CutSuffix(c.dir, "/"); ok {
		folder, pkg, doc = parent, parent, ""
		if pkg == "app" {
			pkg = "main"
		}
	}
	file := name + ".go"
	if c.test {
		file = name + "_test.go"
	}
	write(t, module, path.Join(folder, file), doc+"package "+pkg+"\n\n"+c.code)
	return path.Join(folder, file)
}

func write(t *testing.T, module, name, text string) {
	t.Helper()
	name = filepath.Join(module, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var depguardRule = regexp.MustCompile(`not allowed from list '([^']+)'`)

// lint returns the sorted findings per file, each once.
func lint(t *testing.T, linter, module string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), linter, "run", "--output.json.path=stdout", "--show-stats=false", "./...")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	var report struct {
		Issues []struct {
			FromLinter, Text string
			Pos              struct{ Filename string }
		}
	}
	if jsonErr := json.Unmarshal(output, &report); jsonErr != nil {
		t.Fatalf("run linter: %v, %v\n%s%s", err, jsonErr, output, stderr.String())
	}
	if len(report.Issues) == 0 {
		t.Fatalf("linter found nothing: %v\n%s", err, stderr.String())
	}
	found := map[string][]string{}
	for _, issue := range report.Issues {
		rule := issue.FromLinter
		if match := depguardRule.FindStringSubmatch(issue.Text); match != nil {
			rule = match[1]
		}
		// Formatting is not what the cases are about.
		if rule == "gci" || rule == "gofumpt" {
			continue
		}
		found[issue.Pos.Filename] = append(found[issue.Pos.Filename], rule)
	}
	for file, rules := range found {
		slices.Sort(rules)
		found[file] = slices.Compact(rules)
	}
	return found
}
