// A certificate and its key, for somebody who has one and not the machine's secret. The key is used for nothing else.

/** For localhost and 127.0.0.1, signed by itself, good for a hundred years: as good as any certificate. */
export const CERTIFICATE = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBmzCCAUGgAwIBAgIUFhXIv/t9E8MphaJMKS7QpOp1/TYwCgYIKoZIzj0EAwIw',
  'FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNzA1NTY0M1oYDzIxMjYxMTAz',
  'MDU1NjQzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAARM78mKJeQr/WT0HWW164sf+sTftKWybQASnWxxQGwwN1OKZdJs1o2W',
  'Us+92AXWaIv53netp+/zv/ZzwEPC1xmzo28wbTAdBgNVHQ4EFgQUW16ASaAFAx1e',
  'rk59P2PPl28Q6YowHwYDVR0jBBgwFoAUW16ASaAFAx1erk59P2PPl28Q6YowDwYD',
  'VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI',
  'zj0EAwIDSAAwRQIgcD0SQFuGwUxMIHL1FvQOo5xAL/YoF6EktR+r/55akScCIQCR',
  'fRISrO6viGXKhafkCDjf1YkFGU8+PANirR9jLavJAQ==',
  '-----END CERTIFICATE-----',
].join('\n');
export const CERTIFICATE_KEY = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXIrcFakl7bVBLZqP',
  'GEYrRth9TbnPwyaqf3h2WeR22bqhRANCAARM78mKJeQr/WT0HWW164sf+sTftKWy',
  'bQASnWxxQGwwN1OKZdJs1o2WUs+92AXWaIv53netp+/zv/ZzwEPC1xmz',
  '-----END PRIVATE KEY-----',
].join('\n');
