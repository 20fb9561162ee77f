// Renders the templates of a JSON file from standard input with Go's own text/template, and writes what came of
// each to standard output.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
	"text/template"
)

type testCase struct {
	Name     string `json:"name"`
	Template string `json:"template"`
	Data     any    `json:"data"`
}

type outcome struct {
	Output *string `json:"output,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func main() {
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	var cases []testCase
	if err := decoder.Decode(&cases); err != nil {
		log.Fatal(err)
	}
	outcomes := make(map[string]outcome, len(cases))
	for _, c := range cases {
		outcomes[c.Name] = render(c)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(outcomes); err != nil {
		log.Fatal(err)
	}
}

func render(c testCase) outcome {
	parsed, err := template.New("").Option("missingkey=zero").Parse(c.Template)
	if err != nil {
		return outcome{Error: "parse"}
	}
	var out strings.Builder
	if err := parsed.Execute(&out, plain(c.Data)); err != nil {
		return outcome{Error: "exec"}
	}
	text := out.String()
	return outcome{Output: &text}
}

// plain turns numbers into int where they are integral and fit, else into float64, and gives every list exactly
// the capacity it needs.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			if integer, err := v.Int64(); err == nil {
				return int(integer)
			}
		}
		float, err := v.Float64()
		if err != nil {
			log.Fatal(err)
		}
		return float
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case map[string]any:
		for key, item := range v {
			v[key] = plain(item)
		}
		return v
	default:
		return v
	}
}
