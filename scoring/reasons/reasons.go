// Package reasons puts reason codes into words, in Chinese and English. The
// one rule: every code a decision can give has both texts, and an argument's
// unit stands in its name.
package reasons

import (
	_ "embed" // the texts
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"loan310/app/money"
)

// Languages of the texts.
const (
	Chinese = "zh-CN"
	English = "en"
)

// text is one code in both languages.
type text struct {
	Chinese string `json:"zh-CN"`
	English string `json:"en"`
}

//go:embed texts.json
var textsJSON string

// texts is read once and never written again; a file that cannot be read
// leaves no texts, which the tests refuse.
var texts = sync.OnceValue(func() map[string]text {
	read := map[string]text{}
	if err := json.Unmarshal([]byte(textsJSON), &read); err != nil {
		return nil
	}
	return read
})

// Known says whether a code has a text in both languages.
func Known(code string) bool {
	found, there := find(code)
	return there && found.Chinese != "" && found.English != ""
}

// Codes lists the codes with texts, sorted.
func Codes() []string {
	codes := make([]string, 0, len(texts()))
	for code := range texts() {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// find gives a code's text. An attribute's code with _missing or _stale is
// put together from the attribute's topic.
func find(code string) (text, bool) {
	if found, there := texts()[code]; there {
		return found, true
	}
	for _, suffix := range []string{"_missing", "_stale"} {
		base, cut := strings.CutSuffix(code, suffix)
		if !cut {
			continue
		}
		topic, known := texts()["topic."+base]
		frame, framed := texts()["frame"+suffix]
		if known && framed {
			return text{
				Chinese: strings.ReplaceAll(frame.Chinese, "{topic}", topic.Chinese),
				English: strings.ReplaceAll(frame.English, "{topic}", topic.English),
			}, true
		}
	}
	return text{}, false
}

// Text gives a code in words: Chinese for "zh-CN", else English. {name} in a
// text becomes the argument of that name, written by the unit its name ends
// in; an argument not given becomes a dash. An unknown code gives the code.
func Text(code, lang string, args map[string]int64) string {
	found, there := find(code)
	if !there {
		return code
	}
	words := found.English
	if lang == Chinese {
		words = found.Chinese
	}
	var out strings.Builder
	for {
		before, rest, open := strings.Cut(words, "{")
		out.WriteString(before)
		if !open {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return out.String()
		}
		if value, given := args[name]; given {
			out.WriteString(format(name, value))
		} else {
			out.WriteString("–")
		}
		words = after
	}
}

// format writes a number by its unit: _fen as yuan, _bps and _ppm as percent.
func format(name string, value int64) string {
	switch {
	case strings.HasSuffix(name, "_fen"):
		return "¥" + group(money.Amount(value).String())
	case strings.HasSuffix(name, "_bps"):
		return percent(value, 100)
	case strings.HasSuffix(name, "_ppm"):
		return percent(value, 10_000)
	case strings.HasSuffix(name, "_centi"):
		return fmt.Sprintf("%d.%02d", value/100, value%100)
	default:
		return strconv.FormatInt(value, 10)
	}
}

// percent writes value/parts with at most two decimals, truncated.
func percent(value, parts int64) string {
	whole, rest := value/parts, value%parts*100/parts
	if rest == 0 {
		return fmt.Sprintf("%d %%", whole)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%02d", whole, max(rest, -rest)), "0") + " %"
}

// group puts commas between thousands.
func group(digits string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	return sign + whole + "." + fraction
}

// Texts gives the catalogue as JSON: code to language to text, with {name} for
// each argument.
func Texts() []byte { return []byte(textsJSON) }
