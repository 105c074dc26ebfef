package boost_test

import (
	"context"
	"fmt"

	"loan310/scoring/boost"
)

func ExampleFit() {
	data := madeUp(5_000, 1) // columns debt, age, gap, noise and town
	params := boost.Defaults()
	params.Monotone = map[string]boost.Direction{"debt": boost.Rising, "age": boost.Falling}
	model, err := boost.Fit(context.Background(), data, boost.Options{Params: params})
	if err != nil {
		fmt.Println(err)
		return
	}
	scorer, err := boost.New(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	row := []float64{3.5, 25, 0.5, 0.5, model.Features[4].Code("town Aa")}
	explainer, parts := scorer.Explainer(), make([]float64, len(row))
	explainer.Explain(row, parts)
	for _, reason := range explainer.Reasons(parts, 1) {
		fmt.Println(reason.Name, scorer.PD(row) > boost.Probability(explainer.Background()))
	}
	// Output: debt true
}
