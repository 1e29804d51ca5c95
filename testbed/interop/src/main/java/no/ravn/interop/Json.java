package no.ravn.interop;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Small readers for the fields of a command. */
final class Json {
  static final Gson GSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

  private Json() {}

  static boolean has(JsonObject o, String name) {
    return o.has(name) && !o.get(name).isJsonNull();
  }

  static String text(JsonObject o, String name, String otherwise) {
    return has(o, name) ? o.get(name).getAsString() : otherwise;
  }

  static String need(JsonObject o, String name) {
    if (!has(o, name)) {
      throw new IllegalArgumentException("field \"" + name + "\" is missing");
    }
    return o.get(name).getAsString();
  }

  static int number(JsonObject o, String name, int otherwise) {
    return has(o, name) ? o.get(name).getAsInt() : otherwise;
  }

  static boolean flag(JsonObject o, String name, boolean otherwise) {
    return has(o, name) ? o.get(name).getAsBoolean() : otherwise;
  }

  static Path path(JsonObject o, String name) {
    return Path.of(need(o, name));
  }

  /** A field that is one string or a list of strings; empty when it is absent. */
  static List<String> texts(JsonObject o, String name) {
    List<String> found = new ArrayList<>();
    if (has(o, name)) {
      JsonElement e = o.get(name);
      if (e.isJsonArray()) {
        for (JsonElement item : e.getAsJsonArray()) {
          found.add(item.getAsString());
        }
      } else {
        found.add(e.getAsString());
      }
    }
    return found;
  }

  static List<Path> paths(JsonObject o, String name) {
    return texts(o, name).stream().map(Path::of).toList();
  }

  static JsonArray list(Iterable<String> values) {
    JsonArray a = new JsonArray();
    values.forEach(a::add);
    return a;
  }
}
