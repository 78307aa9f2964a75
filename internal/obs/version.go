package obs

import "runtime/debug"

// version is set by release builds: -ldflags "-X …/internal/obs.version=1.2.3".
var version string

// Version names this build: the release, else the commit, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
