// Package export_landing_extractor_entry is what the host calls; it hands over to what `landing.Export` was given.
package export_landing_extractor_entry

import (
	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"extractor/landing"
)

// Extract does one run.
func Extract() witTypes.Result[witTypes.Unit, string] {
	if err := landing.Run(); err != nil {
		return witTypes.Err[witTypes.Unit](err.Error())
	}
	return witTypes.Ok[witTypes.Unit, string](witTypes.Unit{})
}
