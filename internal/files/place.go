package files

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // the scheme "s3"

	"github.com/fanward/fanward/internal/fault"
)

// FolderName is where files lie inside the data folder.
const FolderName = "files"

const (
	// An upload to a bucket holds this much in memory, at least: parts may not be
	// smaller than 5 MiB.
	partSize    = 5 << 20
	partsAtOnce = 2
	// openWait is how long a bucket may take to answer that it is there.
	openWait = 15 * time.Second
)

// folder is what makes a folder as durable as law 1 needs.
type folder struct {
	dir string

	mu      sync.Mutex
	durable map[string]bool // shard folders whose own entry is known to be on disk
}

// Open opens the store inside the data folder and makes its folder.
func Open(dataDir string) (*Store, error) { return openFolder(filepath.Join(dataDir, FolderName)) }

// OpenURL opens the store at address: "" is Open(dataDir), file:///folder a
// folder that several machines may share, s3://bucket?endpoint=… a bucket. A
// bucket that does not answer, or refuses, is the error files_unreachable, a
// folder that cannot be made or flushed files_folder_unusable. The credentials of
// a bucket come from where the tools of AWS look for them.
func OpenURL(ctx context.Context, address, dataDir string) (*Store, error) {
	if dir := Folder(address, dataDir); dir != "" {
		return openFolder(dir)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("files.url: %w", err)
	}
	return openBucket(ctx, u)
}

// Folder is where OpenURL keeps files, "" where that is a bucket. Nothing is made.
func Folder(address, dataDir string) string {
	if address == "" {
		return filepath.Join(dataDir, FolderName)
	}
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" {
		return filepath.FromSlash(u.Path)
	}
	return ""
}

// Unusable is the error of a folder in which no files can be kept.
func Unusable(dir string, err error) error {
	return fault.Wrap(err, fault.Unavailable, "files_folder_unusable", fault.Params{"folder": dir, "reason": err.Error()})
}

func openFolder(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Unusable(dir, err)
	}
	if err := errors.Join(syncDir(filepath.Dir(dir)), syncDir(dir)); err != nil {
		return nil, Unusable(dir, err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		// Temporary files lie beside the final ones: a rename cannot cross
		// file systems, and a sweep finds what a crash left behind.
		NoTempDir: true, DirFileMode: 0o700, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	return &Store{bucket: bucket, folder: &folder{dir: dir, durable: map[string]bool{}}}, nil
}

func openBucket(ctx context.Context, u *url.URL) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	unreachable := func(err error) error {
		return fault.Wrap(err, fault.Unavailable, "files_unreachable", fault.Params{"bucket": u.Host, "reason": err.Error()})
	}
	bucket, err := blob.DefaultURLMux().OpenBucketURL(ctx, compatible(u))
	if err != nil {
		return nil, unreachable(err)
	}
	ok, err := bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("there is no such bucket")
	}
	if err != nil {
		_ = bucket.Close()
		return nil, unreachable(err)
	}
	return &Store{bucket: bucket}, nil
}

// compatible fills in what servers other than Amazon's expect: the bucket in
// the path, as most have no name of its own for each, no checksums that they
// do not know, and some region to sign for. What the address says stays.
func compatible(u *url.URL) *url.URL {
	q := u.Query()
	if q.Get("endpoint") == "" {
		return u
	}
	for name, value := range map[string]string{"use_path_style": "true", "request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"} {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	if !q.Has("region") && os.Getenv("AWS_REGION") == "" && os.Getenv("AWS_DEFAULT_REGION") == "" {
		q.Set("region", "us-east-1")
	}
	out := *u
	out.RawQuery = q.Encode()
	return &out
}

// syncEntry flushes the folder entry of a new file, and once per process that
// of its shard folder.
func (f *folder) syncEntry(key string) error {
	shard := filepath.Dir(filepath.Join(f.dir, filepath.FromSlash(key)))
	if err := syncDir(shard); err != nil {
		return err
	}
	f.mu.Lock()
	known := f.durable[shard]
	f.mu.Unlock()
	if known {
		return nil
	}
	if err := syncDir(f.dir); err != nil {
		return err
	}
	f.mu.Lock()
	f.durable[shard] = true
	f.mu.Unlock()
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open a folder to flush it: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("flush a folder: %w", err)
	}
	return nil
}
