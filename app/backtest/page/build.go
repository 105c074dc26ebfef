package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"loan310/app/backtest"
)

// Build puts a report into words. Lang "zh-CN" is Chinese, anything else
// English.
func Build(r *backtest.Report, lang string) Document {
	b := &builder{words: words{chinese: lang == "zh-CN"}, r: r}
	return Document{
		Lang:  b.lang(),
		Title: b.t("Back-test of ", "回测：") + r.About.Name,
		Lead: fmt.Sprintf(b.t("%s applications of %s merchants decided as of their own date by %s; rules' code version %s.",
			"%s 笔申请（%s 家商户）按各自申请日期由 %s 决策；规则代码版本 %s。"),
			count(r.Counts.Applications), count(r.About.Merchants), r.Main.Versions.Strategy, r.Code),
		Warnings: b.warnings(),
		Cards:    b.cards(),
		Sections: []Section{
			b.basis(), b.answers(), b.discrimination(), b.calibration(), b.scores(), b.swap(), b.money(), b.lanes(), b.months(), b.reasons(), b.features(),
		},
	}
}

type builder struct {
	words
	r *backtest.Report
}

// warnings say what limits every figure.
func (b *builder) warnings() []string {
	r := b.r
	var list []string
	add := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(r.About.Synthetic == r.About.Merchants && r.About.Merchants > 0, "%s",
		b.t("SYNTHETIC: every merchant of this set is made up. No figure says anything about real merchants.", "合成数据：本数据集的所有商户均为虚构，任何数字都不代表真实商户。"))
	add(r.About.Synthetic > 0 && r.About.Synthetic < r.About.Merchants, b.t("%s of %s merchants are synthetic.", "%s / %s 家商户为合成数据。"), count(r.About.Synthetic), count(r.About.Merchants))
	add(r.About.MadeUp > 0, b.t("For %s merchants some fields or files (such as licence, identity, registry) were filled with made-up values by the converter.",
		"%s 家商户的部分字段或文件（如执照、身份、工商）由转换程序以虚构值填充。"), count(r.About.MadeUp))
	add(!r.Compared, "%s", b.t("No challenger was given: the champion is compared with itself.", "未提供挑战者策略：冠军策略与自身比较。"))
	add(r.Counts.Mature == 0, "%s", b.t("No application has a mature outcome: there are approvals and reasons, but no bad rates, no discrimination and no profit.",
		"没有任何申请具有成熟的结果：只有通过率和原因，没有坏账率、区分度和利润。"))
	add(r.Counts.Immature > 0, b.t("%s outcomes are immature: known, but less than %d days lie between application and %s. They are left out of every bad rate.",
		"%s 个结果尚未成熟：虽已知，但申请距 %[3]s 不足 %[2]d 天，不计入任何坏账率。"), count(r.Counts.Immature), r.Setting.WindowDays, day(r.Setting.Until))
	add(r.Counts.NoOutcome > 0 && r.Counts.Mature > 0, b.t("%s applications have no known outcome; they count in approval rates only.", "%s 笔申请没有已知结果，仅计入通过率。"), count(r.Counts.NoOutcome))
	add(r.Later.Bureau > 0, b.t("For %s applications the credit report was pulled after the application: it was not used.", "%s 笔申请的征信报告在申请之后出具，未予使用。"), count(r.Later.Bureau))
	add(r.Later.Registry > 0, b.t("For %s applications the registry's record was changed after the application: what it said before is not known, so the registry counts as not answering.",
		"%s 笔申请的工商记录在申请之后变更，变更前的内容未知，按工商数据不可用处理。"), count(r.Later.Registry))
	if len(r.Setting.Assumed) > 0 {
		var parts []string
		for source, state := range r.Setting.Assumed {
			parts = append(parts, source+" = "+state)
		}
		slices.Sort(parts)
		add(true, b.t("Assumed for every application: %s.", "对所有申请假定：%s。"), strings.Join(parts, ", "))
	}
	return list
}

func (b *builder) cards() []Card {
	main := &b.r.Main
	rate, known := main.ApprovalRate()
	bad, matured := main.BadRate()
	low, high := backtest.Wilson(main.Bad, main.Mature)
	cards := []Card{
		{b.t("Approved", "通过率"), percentIf(rate, known), fmt.Sprintf(b.t("%s of %s", "%s / %s"), count(main.Approved), count(main.Applications))},
		{b.t("Bad of the approved", "通过客户坏账率"), percentIf(bad, matured), b.t("no mature outcome", "无成熟结果")},
	}
	if matured {
		cards[1].Note = fmt.Sprintf(b.t("%s of %s; 95 %%: %s to %s", "%s / %s；95 %%：%s 至 %s"), count(main.Bad), count(main.Mature), percent(low, 2), percent(high, 2))
	}
	if d := main.Discrimination; d != nil {
		cards = append(cards,
			Card{"AUC", decimal(d.AUC.AUC, 4), fmt.Sprintf("95 %%: %s – %s", decimal(d.AUC.Low, 4), decimal(d.AUC.High, 4))},
			Card{"KS", decimal(d.KS, 4), "Gini " + decimal(d.Gini, 4)})
	}
	if matured {
		cards = append(cards, Card{
			b.t("Profit, mature loans", "利润（成熟贷款）"), "¥" + yuan(main.Money.Profit()),
			fmt.Sprintf(b.t("on ¥%s lent", "放款 ¥%s"), yuan(main.Money.Lent)),
		})
	}
	return cards
}

func (b *builder) basis() Section {
	r := b.r
	rows := [][]string{
		{b.t("Dossier", "数据集"), r.About.Name},
		{b.t("Dossier, SHA-256", "数据集 SHA-256"), r.About.Hash},
		{b.t("Strategy", "策略"), r.Main.Versions.Strategy},
		{b.t("Strategy, SHA-256", "策略 SHA-256"), r.Main.Versions.StrategyHash},
		{b.t("Champion", "冠军策略"), r.Base.Versions.Strategy},
		{b.t("Champion, SHA-256", "冠军策略 SHA-256"), r.Base.Versions.StrategyHash},
		{b.t("Version of the rules' code; program", "规则代码版本；程序版本"), r.Code + "; " + r.Program},
		{b.t("Outcomes known until", "结果观察截止"), day(r.Setting.Until)},
		{b.t("Performance window, days", "表现期（天）"), strconv.Itoa(r.Setting.WindowDays)},
		{b.t("Applications", "申请"), count(r.Counts.Applications)},
		{b.t("… with a mature outcome (bad)", "… 结果已成熟（坏）"), fmt.Sprintf("%s (%s)", count(r.Counts.Mature), count(r.Counts.Bad))},
		{b.t("… with an immature outcome, left out", "… 结果未成熟，未计入"), count(r.Counts.Immature)},
		{b.t("… without an outcome", "… 无结果"), count(r.Counts.NoOutcome)},
	}
	connected := b.t("Connected merchants were not looked for.", "未识别关联商户。")
	if r.Setting.Relations {
		connected = b.t("Who shared what with whom is as it was at each application, defaults from the day they were observed. Limits of connected merchants are not added up: each application is decided by itself.",
			"商户之间的关联按各申请时点还原，违约自观察日起可见。关联商户的授信不合并计算：每笔申请单独决策。")
	}
	return Section{ID: "basis", Title: b.t("What was decided", "回测对象"), Notes: []string{
		b.t("Each application is decided as of its own moment: rows, stamps, credit reports and registry changes after it do not exist for it. A deferral is answered finally, for waiting changes nothing here.",
			"每笔申请按其自身时点决策：此后的记录、时间戳、征信报告和工商变更均视为不存在。暂缓的申请直接给出最终答复，因为等待不会带来新数据。"),
		connected,
	}, Tables: []Table{{Head: []string{b.t("Item", "项目"), b.t("Value", "值")}, Rows: rows, Text: 2}}}
}

func (b *builder) answers() Section {
	sides := b.sides()
	head := []string{""}
	for _, side := range sides {
		head = append(head, side.name)
	}
	line := func(name string, of func(t *backtest.Tally) string) []string {
		row := []string{name}
		for _, side := range sides {
			row = append(row, of(&side.side.Tally))
		}
		return row
	}
	rows := [][]string{
		line(b.t("Applications", "申请"), func(t *backtest.Tally) string { return count(t.Applications) }),
		line(b.t("Approved", "通过"), func(t *backtest.Tally) string { return count(t.Approved) }),
		line(b.t("Approval rate", "通过率"), func(t *backtest.Tally) string { return percentIf(t.ApprovalRate()) }),
		line(b.t("Declined", "拒绝"), func(t *backtest.Tally) string { return count(t.Declined) }),
		line(b.t("Deferred first", "曾暂缓"), func(t *backtest.Tally) string { return count(t.Waited) }),
		line(b.t("Limits given, yuan", "授信总额（元）"), func(t *backtest.Tally) string { return yuan(t.Limits) }),
		line(b.t("Approved and mature", "通过且成熟"), func(t *backtest.Tally) string { return count(t.Mature) }),
		line(b.t("… turned bad", "… 变坏"), func(t *backtest.Tally) string { return count(t.Bad) }),
		line(b.t("Bad rate by count", "坏账率（笔数）"), func(t *backtest.Tally) string { return percentIf(t.BadRate()) }),
		line(b.t("… 95 % confidence", "… 95 % 置信区间"), func(t *backtest.Tally) string {
			if t.Mature == 0 {
				return none
			}
			low, high := backtest.Wilson(t.Bad, t.Mature)
			return percent(low, 2) + " – " + percent(high, 2)
		}),
		line(b.t("Bad rate by balance (limit)", "坏账率（授信额）"), func(t *backtest.Tally) string { return percentIf(t.BadBalance()) }),
		line(b.t("Bad rate of the declined", "被拒客户坏账率"), func(t *backtest.Tally) string {
			if t.AllMature == t.Mature {
				return none
			}
			return percent(float64(t.AllBad-t.Bad)/float64(t.AllMature-t.Mature), 2)
		}),
	}
	return Section{ID: "answers", Title: b.t("Answers and what became of them", "决策与结果"), Tables: []Table{{Head: head, Rows: rows, Text: 1}}}
}

// named is a side with its heading.
type named struct {
	name string
	side *backtest.Side
}

func (b *builder) sides() []named {
	champion := named{b.t("Champion", "冠军") + " " + b.r.Base.Versions.Strategy, &b.r.Base}
	if !b.r.Compared {
		return []named{champion}
	}
	return []named{champion, {b.t("Challenger", "挑战者") + " " + b.r.Main.Versions.Strategy, &b.r.Main}}
}

func (b *builder) swap() Section {
	yes, no := b.t("approved", "通过"), b.t("declined", "拒绝")
	word := func(approved bool) string {
		if approved {
			return yes
		}
		return no
	}
	var rows [][]string
	for _, cell := range b.r.Swap {
		bad, known := 0.0, cell.Mature > 0
		if known {
			bad = float64(cell.Bad) / float64(cell.Mature)
		}
		profit := none
		if known && (cell.Champion || cell.Challenger) {
			profit = yuan(cell.Profit)
		}
		rows = append(rows, []string{word(cell.Champion), word(cell.Challenger), count(cell.Count), count(cell.Mature), count(cell.Bad), percentIf(bad, known), profit})
	}
	note := b.t("Who is swapped in (champion declines, challenger approves) and out. Profit is the approving strategy's, the challenger's where both approve.",
		"换入（冠军拒绝、挑战者通过）与换出的客户。利润取通过一方的策略；双方均通过时取挑战者。")
	if !b.r.Compared {
		note = b.t("The champion is compared with itself, so nobody is swapped. Give a challenger with --strategy.", "冠军策略与自身比较，无人换入换出。请用 --strategy 指定挑战者。")
	}
	return Section{ID: "swap", Title: b.t("Swap set", "换入换出"), Notes: []string{note}, Tables: []Table{{
		Head: []string{
			b.t("Champion", "冠军"), b.t("Challenger", "挑战者"), b.t("Applications", "申请"), b.t("Mature", "成熟"), b.t("Bad", "坏"), b.t("Bad rate", "坏账率"), b.t("Profit, yuan", "利润（元）"),
		}, Rows: rows, Text: 2,
	}}}
}

func (b *builder) money() Section {
	e := b.r.Setting.Economics
	sides := b.sides()
	head := []string{b.t("Yuan, approved and mature loans", "元，通过且成熟的贷款")}
	for _, side := range sides {
		head = append(head, side.name)
	}
	line := func(name string, of func(m *backtest.Money) string) []string {
		row := []string{name}
		for _, side := range sides {
			if side.side.Mature == 0 {
				row = append(row, none)
				continue
			}
			row = append(row, of(&side.side.Money))
		}
		return row
	}
	rows := [][]string{
		line(b.t("Lent", "放款"), func(m *backtest.Money) string { return yuan(m.Lent) }),
		line(b.t("+ interest of paid instalments", "+ 已还各期利息"), func(m *backtest.Money) string { return yuan(m.Interest) }),
		line(b.t("+ fees", "+ 费用"), func(m *backtest.Money) string { return yuan(m.Fees) }),
		line(b.t("− cost of funds", "− 资金成本"), func(m *backtest.Money) string { return yuan(m.Funds) }),
		line(b.t("− loss", "− 损失"), func(m *backtest.Money) string { return yuan(m.Loss) }),
		line(b.t("− cost per loan", "− 单笔成本"), func(m *backtest.Money) string { return yuan(m.Cost) }),
		line(b.t("= profit", "= 利润"), func(m *backtest.Money) string { return yuan(m.Profit()) }),
		line(b.t("profit over lent", "利润 / 放款"), func(m *backtest.Money) string {
			if m.Lent == 0 {
				return none
			}
			return percent(float64(m.Profit())/float64(m.Lent), 2)
		}),
	}
	return Section{ID: "money", Title: b.t("Profit at the price given", "按定价计算的利润"), Notes: []string{
		fmt.Sprintf(b.t("Assumptions, not measurements: %s of the limit is drawn at once; loss given default %s of the principal owed; funds cost %s a year on what is outstanding; %s yuan a loan.",
			"以下为假设而非实测：授信额的 %s 一次性支用；违约损失率为欠付本金的 %s；资金成本为在贷余额年化 %s；每笔 %s 元。"),
			bps(e.Utilisation), bps(e.LossGivenDefault), bps(e.CostOfFunds), e.CostPerLoan.String()),
		b.t("A good loan pays every line of its schedule; a bad one pays the lines due up to 90 days before its default was observed and never the last.",
			"好客户按还款计划还清；坏客户仅还清违约观察日 90 天前到期的各期，且不还最后一期。"),
	}, Tables: []Table{{Head: head, Rows: rows, Text: 1}}}
}

func (b *builder) sliceTable(first string, list []backtest.Slice, name func(string) string) Table {
	table := Table{Text: 1, Head: []string{
		first, b.t("Applications", "申请"), b.t("Approval rate", "通过率"), b.t("Mature", "成熟"), b.t("Immature", "未成熟"), b.t("Bad", "坏"),
		b.t("Bad rate", "坏账率"), b.t("… by balance", "… 按授信额"), b.t("Profit, yuan", "利润（元）"),
	}}
	for i := range list {
		s := &list[i]
		profit := none
		if s.Mature > 0 {
			profit = yuan(s.Money.Profit())
		}
		table.Rows = append(table.Rows, []string{
			name(s.Name), count(s.Applications), percentIf(s.ApprovalRate()), count(s.Mature), count(s.Immature), count(s.Bad),
			percentIf(s.BadRate()), percentIf(s.BadBalance()), profit,
		})
	}
	return table
}

func (b *builder) lanes() Section {
	table := b.sliceTable(b.t("Lane", "通道"), b.r.Lanes, b.lane)
	table.Head = append(table.Head, "AUC", "KS")
	for i := range table.Rows {
		auc, ks := none, none
		if d := b.r.Lanes[i].Discrimination; d != nil {
			auc, ks = decimal(d.AUC.AUC, 4), decimal(d.KS, 4)
		}
		table.Rows[i] = append(table.Rows[i], auc, ks)
	}
	return Section{ID: "lanes", Title: b.t("By lane", "按通道"), Notes: []string{
		b.t("Mature and immature count approved applications; bad rates stand on the mature ones.", "成熟与未成熟均指通过的申请；坏账率基于成熟部分。"),
	}, Tables: []Table{table}}
}

func (b *builder) reasons() Section {
	table := func(caption string, list []backtest.ReasonCount) Table {
		t := Table{Caption: caption, Text: 2, Head: []string{b.t("Reason", "原因"), b.t("Code", "代码"), b.t("First", "首要"), b.t("Any place", "任意位置")}, Long: len(list) > 15}
		for _, reason := range list {
			t.Rows = append(t.Rows, []string{b.reason(reason.Code), reason.Code, count(reason.First), count(reason.Any)})
		}
		return t
	}
	return Section{ID: "reasons", Title: b.t("Reasons", "原因"), Tables: []Table{
		table(b.t("Declined", "拒绝"), b.r.Declines), table(b.t("Approved: what bounded limit and score", "通过：限制额度与评分的因素"), b.r.Offers),
	}}
}

func (b *builder) features() Section {
	table := Table{Text: 1, Long: true, Head: []string{b.t("Feature", "特征"), b.t("Missing", "缺失"), b.t("Stale", "过期"), b.t("Known", "已知")}}
	list := slices.Clone(b.r.Features)
	slices.SortStableFunc(list, func(x, y backtest.FeatureStates) int { return int(y.Missing - x.Missing) })
	for _, f := range list {
		total := f.Known + f.Stale + f.Missing
		rate := func(n int64) string { return percent(float64(n)/float64(max(total, 1)), 1) }
		table.Rows = append(table.Rows, []string{f.Name, rate(f.Missing), rate(f.Stale), rate(f.Known)})
	}
	return Section{ID: "features", Title: b.t("Features: how often missing", "特征缺失率"), Notes: []string{
		b.t("A missing value is never zero: each scorecard says what it costs.", "缺失值从不视为零：评分卡明确规定其分值。"),
	}, Tables: []Table{table}}
}
