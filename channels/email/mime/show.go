package mime

import (
	"html"
	"regexp"

	"github.com/fanward/fanward/internal/ids"
)

var (
	cidPicture    = regexp.MustCompile(`(<img[^>]*) data-cid="([^"]*)"`)
	filePicture   = regexp.MustCompile(`(<img[^>]*) data-file="([0-9]+)"`)
	remotePicture = regexp.MustCompile(`(<img[^>]*) data-src="https?(://[^"]*)"`)
)

// LinkPictures makes the mail's own pictures in sanitised HTML refer to the
// files as which they were kept; those that were not kept lose their mark.
func LinkPictures(sanitised string, files map[string]ids.ID) string {
	return cidPicture.ReplaceAllStringFunc(sanitised, func(tag string) string {
		part := cidPicture.FindStringSubmatch(tag)
		if id := files[html.UnescapeString(part[2])]; id != 0 {
			return part[1] + ` data-file="` + id.String() + `"`
		}
		return part[1]
	})
}

// Show gives the pictures of sanitised HTML their sources: the mail's own ones
// by address, and with remote those of other servers, over TLS also where their
// addresses are without it.
func Show(sanitised string, remote bool, address func(file ids.ID) string) string {
	shown := filePicture.ReplaceAllStringFunc(sanitised, func(tag string) string {
		part := filePicture.FindStringSubmatch(tag)
		id, err := ids.Parse(part[2])
		if err != nil {
			return part[1]
		}
		return part[1] + ` src="` + html.EscapeString(address(id)) + `"`
	})
	if remote {
		shown = remotePicture.ReplaceAllString(shown, `$1 src="https$2" referrerpolicy="no-referrer"`)
	}
	return shown
}
