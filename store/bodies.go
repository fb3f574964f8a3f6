package store

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// bodyCoder compresses and seals bodies. Its encoder and decoder are stateless in the calls used, hence safe for concurrent use.
type bodyCoder struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// maxBodyBytes bounds what a stored body may decompress to: the receiver takes no more than 1 MiB.
const maxBodyBytes = 8 << 20

func newBodyCoder() (*bodyCoder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("make body compressor: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBodyBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("make body decompressor: %w", err)
	}
	return &bodyCoder{encoder: encoder, decoder: decoder}, nil
}

func (s *Store) sealBody(id ID, body []byte) []byte {
	return s.sealer.seal(sealBodies, id.String(), s.bodies.encoder.EncodeAll(body, nil))
}

func (s *Store) openBody(id ID, sealed []byte) ([]byte, error) {
	compressed, err := s.sealer.open(sealBodies, id.String(), sealed)
	if err != nil {
		return nil, err
	}
	body, err := s.bodies.decoder.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress body of delivery %s: %w: %w", id, ErrSealBroken, err)
	}
	return body, nil
}
