package page

import (
	"strconv"
	"strings"
	"time"

	"loan310/app/money"
	"loan310/scoring/reasons"
)

// words speaks one language. English and Chinese stand side by side where they
// are used, so that neither is changed without the other.
type words struct{ chinese bool }

func (w words) t(english, chinese string) string {
	if w.chinese {
		return chinese
	}
	return english
}

func (w words) lang() string { return w.t(reasons.English, reasons.Chinese) }

// none stands where there is no value.
const none = "–"

func percent(rate float64, decimals int) string {
	return strconv.FormatFloat(rate*100, 'f', decimals, 64) + "\u00a0%"
}

func percentIf(rate float64, known bool) string {
	if !known {
		return none
	}
	return percent(rate, 2)
}

func decimal(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

// count writes a number with separators of thousands.
func count[N int | int64](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	var out strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return sign + out.String()
}

// yuan writes an amount in whole yuan.
func yuan(a money.Amount) string { return count(int64(money.MulDiv(a, 1, 100))) }

func bps(b money.BasisPoints) string { return percent(float64(b)/10_000, 2) }

func day(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02")
}

func (w words) lane(name string) string {
	switch name {
	case "standard":
		return w.t("standard", "标准")
	case "thin_file":
		return w.t("thin file", "薄档案")
	case "":
		return none
	}
	return name
}

// reason puts a code into words; its numbers differ from case to case.
func (w words) reason(code string) string {
	return strings.ReplaceAll(reasons.Text(code, w.lang(), nil), "–", "…")
}
