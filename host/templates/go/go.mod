module extractor

go 1.24

require landing-sdk v0.1.0

replace landing-sdk => ./landing-sdk
