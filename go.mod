module github.com/fanward/fanward

go 1.26.0
