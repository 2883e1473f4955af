module extractor

go 1.24
