// Package console carries the built web console inside the binary.
package console

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var files embed.FS

// Dist returns the console's built files, index.html at the root and hashed
// assets below assets/. When the binary was compiled without building the
// console first, the tree holds placeholder.html only.
func Dist() fs.FS {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		// The directory is part of the embed pattern; without it the package
		// would not have compiled.
		panic(err)
	}
	return dist
}
