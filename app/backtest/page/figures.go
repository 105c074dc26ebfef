package page

import (
	"fmt"
	"html/template"
	"strconv"

	"loan310/app/backtest"
	"loan310/app/backtest/chart"
)

// drawn marks a chart as safe: package chart escapes every text it is given.
func drawn(svg string) template.HTML {
	return template.HTML(svg) //nolint:gosec // made by package chart, which escapes its texts
}

// fine rounds away what floating point leaves behind a tick.
func fine(decimals int) func(float64) string {
	return func(v float64) string {
		return strconv.FormatFloat(float64(int64(v*1e9+0.5))/1e7, 'f', decimals, 64) + "%"
	}
}

func unit(title string) chart.Axis {
	return chart.Axis{Title: title, Min: 0, Max: 1, Label: fine(0)}
}

func (b *builder) discrimination() Section {
	section := Section{ID: "discrimination", Title: b.t("Does it tell good from bad?", "区分度"), Notes: []string{
		b.t("Over all mature applications, declined ones too: the probability of default against the outcome.", "基于所有成熟申请（含被拒）：违约概率与实际结果之比较。"),
	}}
	d := b.r.Main.Discrimination
	if d == nil {
		section.Notes = append(section.Notes, b.t("Cannot be measured: there are no mature outcomes of both kinds.", "无法计算：成熟结果中不同时存在好与坏。"))
		return section
	}
	table := Table{Text: 1, Head: []string{
		b.t("Strategy", "策略"), "AUC", b.t("95 % confidence", "95 % 置信区间"), "Gini", "KS", b.t("KS at PD", "KS 处违约概率"),
		b.t("Approval at 2 % bad, by PD alone", "坏账率 2 % 时的通过率（仅按违约概率）"), b.t("Rows", "样本"), b.t("Bad", "坏"),
	}}
	for _, side := range b.sides() {
		if x := side.side.Discrimination; x != nil {
			table.Rows = append(table.Rows, []string{
				side.name, decimal(x.AUC.AUC, 4), decimal(x.AUC.Low, 4) + " – " + decimal(x.AUC.High, 4), decimal(x.Gini, 4), decimal(x.KS, 4),
				percent(x.KSAtPD, 2), percent(x.At2Percent.Share, 1), count(x.Rows), count(x.Bad),
			})
		}
	}
	section.Tables = []Table{table}
	section.Figures = []Figure{b.roc(d), b.gains(d)}
	return section
}

func (b *builder) roc(d *backtest.Discrimination) Figure {
	frame := chart.Frame{
		ID: "roc", Title: b.t("ROC curve", "ROC 曲线"),
		Desc: fmt.Sprintf(b.t("Share of bad loans found against share of good loans refused, for every cut-off. Area under the curve %s; the diagonal is chance, 0.5.",
			"各截断点下识别的坏客户占比与误拒的好客户占比。曲线下面积 %s；对角线为随机水平 0.5。"), decimal(d.AUC.AUC, 4)),
		X: unit(b.t("good loans refused, % of good", "误拒的好客户（占好客户 %）")), Y: unit(b.t("bad loans found, % of bad", "识别的坏客户（占坏客户 %）")),
	}
	series := []chart.Series{{Name: b.t("chance", "随机"), Class: "d", Dashed: true, Points: []chart.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}}}
	if base := b.r.Base.Discrimination; b.r.Compared && base != nil {
		line := chart.Series{Name: b.t("champion", "冠军"), Class: "b", Dashed: true}
		for _, p := range base.ROC {
			line.Points = append(line.Points, chart.Point{X: p.GoodLost, Y: p.BadFound})
		}
		series = append(series, line)
	}
	main := chart.Series{Name: b.t("strategy", "策略"), Class: "a", Filled: true}
	for _, p := range d.ROC {
		main.Points = append(main.Points, chart.Point{X: p.GoodLost, Y: p.BadFound})
	}
	return Figure{Title: frame.Title, SVG: drawn(chart.Lines(frame, append(series, main))), Table: b.cutTable(d)}
}

// cutTable lists about twenty cut-offs of a curve.
func (b *builder) cutTable(d *backtest.Discrimination) Table {
	table := Table{Caption: b.t("Cut-offs", "截断点"), Head: []string{
		b.t("Refused above PD", "拒绝：违约概率高于"), b.t("Refused", "拒绝占比"), b.t("Good refused", "误拒好客户"), b.t("Bad found", "识别坏客户"),
	}}
	step := max(len(d.ROC)/20, 1)
	for i, p := range d.ROC {
		if i%step == 0 || i == len(d.ROC)-1 {
			table.Rows = append(table.Rows, []string{percent(p.Score, 2), percent(p.Refused, 1), percent(p.GoodLost, 1), percent(p.BadFound, 1)})
		}
	}
	return table
}

func (b *builder) gains(d *backtest.Discrimination) Figure {
	frame := chart.Frame{
		ID: "gains", Title: b.t("Gains and KS", "增益曲线与 KS"),
		Desc: fmt.Sprintf(b.t("Cumulative share of bad and of good loans when the riskiest applications are refused first. The largest distance is KS %s, at a probability of default of %s.",
			"从风险最高的申请开始拒绝时，坏客户与好客户的累计占比。最大差距即 KS %s，对应违约概率 %s。"), decimal(d.KS, 4), percent(d.KSAtPD, 2)),
		X: unit(b.t("applications refused, % (riskiest first)", "拒绝的申请（%，风险最高者优先）")), Y: unit(b.t("cumulative share, %", "累计占比（%）")),
	}
	bad := chart.Series{Name: b.t("bad", "坏"), Class: "b"}
	good := chart.Series{Name: b.t("good", "好"), Class: "a", Dashed: true}
	var widest chart.Point
	for _, p := range d.ROC {
		bad.Points = append(bad.Points, chart.Point{X: p.Refused, Y: p.BadFound})
		good.Points = append(good.Points, chart.Point{X: p.Refused, Y: p.GoodLost})
		if p.BadFound-p.GoodLost > widest.High-widest.Low {
			widest = chart.Point{X: p.Refused, Y: p.BadFound, Low: p.GoodLost, High: p.BadFound}
		}
	}
	ks := chart.Series{Name: "KS", Class: "c", Dots: true, Points: []chart.Point{widest}}
	return Figure{Title: frame.Title, SVG: drawn(chart.Lines(frame, []chart.Series{bad, good, ks})), Table: b.cutTable(d)}
}

func (b *builder) calibration() Section {
	section := Section{ID: "calibration", Title: b.t("Calibration: expected against observed", "校准：预期与实际")}
	c := b.r.Main.Calibration
	if c == nil {
		section.Notes = []string{b.t("Cannot be measured: there are no mature outcomes of both kinds.", "无法计算：成熟结果中不同时存在好与坏。")}
		return section
	}
	section.Notes = []string{fmt.Sprintf(b.t("Expected %s, observed %s. Hosmer-Lemeshow %s with %d degrees of freedom, p = %s. Applications in ten groups by probability of default; whiskers are 95 %% confidence.",
		"预期 %s，实际 %s。Hosmer-Lemeshow %s，自由度 %d，p = %s。按违约概率分为十组；误差线为 95 %% 置信区间。"),
		percent(c.Expected, 2), percent(c.Observed, 2), decimal(c.HosmerLemeshow, 1), c.Freedom, decimal(c.PValue, 4))}
	table := Table{Head: []string{
		b.t("Group", "组"), b.t("PD from", "违约概率自"), b.t("to", "至"), b.t("Applications", "申请"), b.t("Bad", "坏"), b.t("Expected", "预期"), b.t("Observed", "实际"), b.t("95 % confidence", "95 % 置信区间"),
	}}
	dots := chart.Series{Name: b.t("observed", "实际"), Class: "a", Dots: true}
	highest := 0.01
	for i, bin := range c.Bins {
		low, high := backtest.Wilson(int(bin.Bad), int(bin.Rows))
		dots.Points = append(dots.Points, chart.Point{X: bin.Expected, Y: bin.Observed, Low: low, High: high})
		highest = max(highest, bin.Expected, high)
		table.Rows = append(table.Rows, []string{
			strconv.Itoa(i + 1), percent(bin.From, 2), percent(bin.To, 2), count(int64(bin.Rows)), count(int64(bin.Bad)),
			percent(bin.Expected, 2), percent(bin.Observed, 2), percent(low, 2) + " – " + percent(high, 2),
		})
	}
	axis := func(title string) chart.Axis {
		return chart.Axis{Title: title, Max: highest, Label: fine(shown(highest))}
	}
	frame := chart.Frame{
		ID: "calibration", Title: b.t("Calibration", "校准图"),
		Desc: b.t("Observed bad rate of each group against the expected one; on the diagonal the two agree.", "各组实际坏账率与预期坏账率；落在对角线上表示一致。"),
		X:    axis(b.t("expected bad rate, %", "预期坏账率（%）")), Y: axis(b.t("observed bad rate, %", "实际坏账率（%）")),
	}
	diagonal := chart.Series{Name: b.t("agreement", "一致"), Class: "d", Dashed: true, Points: []chart.Point{{}, {X: highest, Y: highest}}}
	section.Figures = []Figure{{Title: frame.Title, SVG: drawn(chart.Lines(frame, []chart.Series{diagonal, dots})), Table: table}}
	return section
}

// shown is how many decimals tell ticks of a percentage apart.
func shown(highest float64) int {
	if highest < 0.05 {
		return 1
	}
	return 0
}

func (b *builder) scores() Section {
	var names []string
	good, bad, unknown := chart.Stack{Name: b.t("good", "好"), Class: "a"}, chart.Stack{Name: b.t("bad", "坏"), Class: "b"}, chart.Stack{Name: b.t("no mature outcome", "无成熟结果"), Class: "d"}
	table := Table{Head: []string{b.t("From", "自"), b.t("to below", "至（不含）"), b.t("Good", "好"), b.t("Bad", "坏"), b.t("No mature outcome", "无成熟结果"), b.t("Bad rate", "坏账率")}}
	for _, bin := range b.r.Scores {
		names = append(names, strconv.FormatInt(bin.From, 10))
		good.Values, bad.Values, unknown.Values = append(good.Values, float64(bin.Good)), append(bad.Values, float64(bin.Bad)), append(unknown.Values, float64(bin.Unknown))
		rate := none
		if bin.Good+bin.Bad > 0 {
			rate = percent(float64(bin.Bad)/float64(bin.Good+bin.Bad), 1)
		}
		table.Rows = append(table.Rows, []string{
			strconv.FormatInt(bin.From, 10), strconv.FormatInt(bin.To, 10), count(bin.Good), count(bin.Bad), count(bin.Unknown), rate,
		})
	}
	frame := chart.Frame{
		ID: "scores", Title: b.t("Distribution of scores", "评分分布"),
		Desc: b.t("Applications by score in steps of 20 points, split by outcome.", "按 20 分一档统计的申请数，并按结果区分。"),
		X:    chart.Axis{Title: b.t("score, points (start of step)", "评分（档位起点）")}, Y: chart.Axis{Title: b.t("applications", "申请数")},
	}
	return Section{ID: "scores", Title: b.t("Scores", "评分"), Figures: []Figure{{Title: frame.Title, SVG: drawn(chart.Bars(frame, names, []chart.Stack{bad, good, unknown})), Table: table}}}
}

func (b *builder) months() Section {
	table := b.sliceTable(b.t("Month", "月份"), b.r.Months, func(name string) string { return name })
	table.Long = len(table.Rows) > 24
	var names []string
	approved, declined := chart.Stack{Name: b.t("approved", "通过"), Class: "a"}, chart.Stack{Name: b.t("declined", "拒绝"), Class: "d"}
	rates := chart.Series{Name: b.t("bad rate, 95 % confidence", "坏账率，95 % 置信区间"), Class: "b", Dots: true}
	highest := 0.01
	for i := range b.r.Months {
		m := &b.r.Months[i]
		names = append(names, m.Name)
		approved.Values, declined.Values = append(approved.Values, float64(m.Approved)), append(declined.Values, float64(m.Applications-m.Approved))
		if m.Mature > 0 {
			rate, _ := m.BadRate()
			low, high := backtest.Wilson(m.Bad, m.Mature)
			rates.Points = append(rates.Points, chart.Point{X: float64(i) + 0.5, Y: rate, Low: low, High: high})
			highest = max(highest, high)
		}
	}
	month := chart.Axis{Title: b.t("month of application", "申请月份")}
	counts := chart.Bars(chart.Frame{
		ID: "months", Title: b.t("Applications by month", "按月申请数"), Desc: b.t("Applications by month of application, approved and declined.", "按申请月份统计的通过与拒绝数。"),
		X: month, Y: chart.Axis{Title: b.t("applications", "申请数")},
	}, names, []chart.Stack{approved, declined})
	month.Max = float64(max(len(names), 1))
	month.Label = func(v float64) string {
		if at := int(v); float64(at) == v && at < len(names) {
			return names[at]
		}
		return ""
	}
	bad := chart.Lines(chart.Frame{
		ID: "vintages", Title: b.t("Bad rate by month", "按月坏账率"), Desc: b.t("Bad rate of the approved by month of application; mature outcomes only.", "按申请月份统计的通过客户坏账率，仅含成熟结果。"),
		X: month, Y: chart.Axis{Title: b.t("bad, % of approved and mature", "坏账率（占通过且成熟 %）"), Max: highest, Label: fine(shown(highest))},
	}, []chart.Series{rates})
	return Section{ID: "months", Title: b.t("By month of application", "按申请月份"), Notes: []string{
		b.t("A young month has no bad rate until its window has passed.", "表现期未满的月份没有坏账率。"),
	}, Figures: []Figure{
		{Title: b.t("Applications by month", "按月申请数"), SVG: drawn(counts), Table: table},
		{Title: b.t("Bad rate by month", "按月坏账率"), SVG: drawn(bad), Table: table},
	}}
}
