#pragma once
#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call.
static inline CURLcode freshet_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode freshet_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode freshet_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode freshet_curl_set_writer(
    CURL *handle, size_t (*writer)(char *data, size_t size, size_t count, void *context), void *context) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, writer);
  return code ? code : curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
}

static inline CURLcode freshet_curl_set_http_only(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static inline long freshet_curl_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// CURL_GLOBAL_ALL is a macro of a long expression.
static inline CURLcode freshet_curl_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

static inline CURLcode freshet_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode freshet_curl_set_header_writer(
    CURL *handle, size_t (*writer)(char *data, size_t size, size_t count, void *context), void *context) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, writer);
  return code ? code : curl_easy_setopt(handle, CURLOPT_HEADERDATA, context);
}

// What a request sends, and how it is sent again from the beginning.
static inline CURLcode freshet_curl_set_reader(
    CURL *handle, size_t (*reader)(char *data, size_t size, size_t count, void *context),
    int (*seeker)(void *context, curl_off_t offset, int origin), void *context) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_READFUNCTION, reader);
  if (!code) code = curl_easy_setopt(handle, CURLOPT_READDATA, context);
  if (!code) code = curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, seeker);
  return code ? code : curl_easy_setopt(handle, CURLOPT_SEEKDATA, context);
}
