// An extractor that mirrors a file, and follows an API page by page.
package main

import "landing-sdk/landing"

func init() { landing.Export(extract) }

// The host calls extract, and never this.
func main() {}

func extract() error {
	base, err := landing.Param("base_url")
	if err != nil {
		return err
	}
	source, err := landing.OpenSource("")
	if err != nil {
		return err
	}

	// A file: the host fetches it, and lands it if it is new. It never enters the sandbox.
	receipt, err := source.Mirror(base+"/prices.csv", "csv")
	if err != nil {
		return err
	}
	landing.Info("%s holds %d bytes", receipt.Path, receipt.Size)

	// An API whose answers name the next page. A run goes on at the cursor that the newest checkpoint kept.
	for page, err := range landing.Pages(base+"/items", landing.Cursor()) {
		if err != nil {
			return err
		}
		if _, err := source.Land(page.Body, "json"); err != nil {
			return err
		}
		if page.Cursor != "" {
			landing.Checkpoint(page.Cursor)
		}
	}
	return nil
}
