import RunRecords
import StreamingRecommender

extension RunRecord {
  /// The settings that are not what they are when nothing is set, by key.
  var changedSettings: [(key: String, value: String)] {
    let rows = LoadedConfiguration(configuration: RecommenderConfiguration().resolved(), origins: [:]).rows
    let defaults = Dictionary(rows.map { ($0.key, $0.value) }) { first, _ in first }
    return settings.filter { defaults[$0.key] != $0.value }.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
  }
}
