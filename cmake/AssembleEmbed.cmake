# assemble_embed(TARGET NAME FOLDER): the files of a folder as text in a header that TARGET's sources include as
# "NAME/assets.h": page.html becomes assemble::NAME::assets::kPageHtml. The header is written when CMake runs, so that
# linters and editors find it too; a build runs CMake again when an asset was changed, added or removed.
# Style sheets lose their comments and needless white space.
function(assemble_embed target name folder)
  file(GLOB assets CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${assets})
  set(constants "")
  foreach(asset ${assets})
    file(READ "${asset}" text)
    if(asset MATCHES "\\.css$")
      assemble_squeeze_css(text)
    endif()
    get_filename_component(file_name "${asset}" NAME)
    assemble_constant_name(constant "${file_name}")
    string(APPEND constants "inline constexpr std::string_view ${constant} = R\"asset(${text})asset\";\n")
  endforeach()
  string(CONCAT content
         "// Generated from ${folder} by cmake/AssembleEmbed.cmake.\n#pragma once\n\n"
         "#include <string_view>\n\nnamespace assemble::${name}::assets {\n\n"
         "${constants}\n}  // namespace assemble::${name}::assets\n")
  # Leaves the file alone when nothing changed.
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/embedded/${name}/assets.h" CONTENT "@content@" @ONLY)
  target_include_directories(${target} PRIVATE "${PROJECT_BINARY_DIR}/embedded")
endfunction()

# page_head.html: kPageHeadHtml
function(assemble_constant_name variable file_name)
  set(name k)
  string(REGEX MATCHALL "[A-Za-z0-9]+" parts "${file_name}")
  foreach(part ${parts})
    string(SUBSTRING "${part}" 0 1 first)
    string(SUBSTRING "${part}" 1 -1 rest)
    string(TOUPPER "${first}" first)
    string(APPEND name "${first}${rest}")
  endforeach()
  set(${variable} "${name}" PARENT_SCOPE)
endfunction()

function(assemble_squeeze_css variable)
  string(REGEX REPLACE "/[*]([^*]|[*]+[^*/])*[*]+/" "" css "${${variable}}")
  string(REGEX REPLACE "[ \t\n]+" " " css "${css}")
  string(REGEX REPLACE " ?([{};,>+]) ?" "\\1" css "${css}")
  string(REPLACE ": " ":" css "${css}")
  string(REPLACE ";}" "}" css "${css}")
  string(STRIP "${css}" css)
  set(${variable} "${css}" PARENT_SCOPE)
endfunction()
