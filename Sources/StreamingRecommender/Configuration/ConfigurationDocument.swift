/// The reference document of all keys, generated from the table.
public enum ConfigurationDocument {
  /// The command that rewrites the committed copy.
  public static let command = "freshet config show --markdown > docs/configuration.md"

  public static func markdown() -> String {
    head + ConfigurationTable.groups.map(section).joined(separator: "\n")
  }

  private static let head = """
    # Configuration

    <!-- Written by `freshet config show --markdown`; do not edit. -->

    Every key has a default, so a configuration may be empty. A key can be set in these places, the first of which wins:

    1. by a flag: `--set model.factors=96` for any key; the common ones have a flag of their own, see [cli.md](cli.md);
    2. by the environment: `FRESHET_` and the key in capitals with dots as underscores, such as `FRESHET_MODEL_FACTORS=96`; an empty \
    variable counts as not set, and maps cannot be set this way;
    3. by a JSON file, with nested or dotted keys: the one of `--config`, else of `$FRESHET_CONFIG`, else `./freshet.json`, else \
    `/etc/freshet/freshet.json`;
    4. by default.

    ```json
    {
      "input": { "topics": ["clicks", "orders"], "weights": { "view": 1, "purchase": 5 } },
      "kafka": { "bootstrap_servers": "broker-1:9092", "common": { "security.protocol": "SSL" } },
      "model.factors": 96
    }
    ```

    `freshet config show` prints every key with its effective value and its origin; `freshet config check` only reports what is wrong. \
    Unknown keys are errors, and so are keys that only a later version has.

    - A duration is written `250ms`, `5s`, `1h30m`, `7d`; a list `a,b` or `["a","b"]`.
    - Secrets are never taken from a flag. `redis.password_file` names a file with the password; `FRESHET_REDIS_PASSWORD` works \
    too. A file with a secret in it must have mode 0600, or 0640 or 0440 with a group that the process is in.
    - The keys under `model.recency`, `model.trend` and `model.transitions` have no effect while the part is `none`: both in one \
    source are an error, otherwise the stronger source wins.
    - `kafka.common`, `kafka.consumer` and `kafka.producer` are passed to librdkafka, except for the properties that the guarantees depend on.
    - R marks a key whose change will not need a restart; this version reads its configuration at the start only.


    """

  private static func section(_ group: ConfigurationTable.Group) -> String {
    var text = "## \(group.name)\n\n\(group.sentence)\n\n| key | default | takes | meaning |\n|---|---|---|---|\n"
    for key in group.keys {
      text += "| `\(key.name)`\(key.isReloadable ? " R" : "") | \(defaultText(key)) | \(takes(key)) | \(key.sentence) |\n"
    }
    return text
  }

  private static func defaultText(_ key: ConfigurationKey) -> String {
    let text = key.text(key.defaultValue)
    return text.isEmpty ? "empty" : "`\(text)`"
  }

  private static func takes(_ key: ConfigurationKey) -> String {
    "\(key.kindText): \(key.allowed)".replacing(", such as 250ms, 5s, 6h or 7d", with: "").replacing(
      "duration: a duration, ", with: "duration: ")
  }
}
