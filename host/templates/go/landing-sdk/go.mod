module landing-sdk

go 1.24
