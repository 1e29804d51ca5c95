module github.com/ravn-ap/ravn

go 1.26.0
