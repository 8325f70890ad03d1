/// What readers in a browser and other tools are told of an object.
enum ContentType {
  static func of(_ key: ObjectKey) -> String {
    switch key.text.split(separator: ".").last?.lowercased() {
    case "json": "application/json"
    case "jsonl", "ndjson": "application/x-ndjson"
    case "csv": "text/csv"
    case "txt", "log", "tsv": "text/plain; charset=utf-8"
    case "html": "text/html; charset=utf-8"
    case "svg": "image/svg+xml"
    case "parquet": "application/vnd.apache.parquet"
    case "npz", "zip": "application/zip"
    case "gz": "application/gzip"
    default: "application/octet-stream"
    }
  }
}
